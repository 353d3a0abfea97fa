"""What a job object knows of the environment that it was submitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from remotebatch.provider import JobRecord
from remotebatch.settings import JobSettings
from remotebatch.status import JobType

if TYPE_CHECKING:
    from remotebatch.jobs.array import ArrayJob
    from remotebatch.jobs.task import SingleJob

Result = TypeVar("Result")


class Environment(Protocol):
    """The interface of :class:`~remotebatch.SubmissionEnvironment`, which the job objects stand below."""

    @property
    def provider(self) -> str:
        """Name of the provider."""

    @property
    def properties(self) -> dict[str, Any]:
        """The provider's properties, without secrets."""

    @property
    def settings(self) -> JobSettings:
        """The settings that jobs submitted here get."""

    def close(self) -> None:
        """Close the connections to the provider; jobs go on."""

    def options(self, **settings: Any) -> Environment:
        """A derived environment with other job settings."""

    def submit(self, function: Callable[..., Result], /, *args: Any, **kwargs: Any) -> SingleJob[Result]:
        """Send one call."""

    def map_submit(
        self,
        function: Callable[..., Result],
        /,
        *iterables: Iterable[Any],
        chunksize: int = 1,
        initializer: Callable[[], Any] | None = None,
    ) -> ArrayJob[Result]:
        """Send one function over many elements."""

    def job(self, job_id: str) -> SingleJob[Any] | ArrayJob[Any]:
        """Attach to a job by its id."""

    def job_of(self, record: JobRecord) -> SingleJob[Any] | ArrayJob[Any]:
        """The job object of a record, without asking the provider."""

    def jobs(self, type: JobType | str | None = None) -> list[SingleJob[Any] | ArrayJob[Any]]:  # noqa: A002
        """Single and Array jobs at the provider, newest first."""
