"""What all job objects have in common."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from remotebatch.errors import JobNotFound, ProviderError
from remotebatch.jobs.environment import Environment
from remotebatch.provider import JobRecord
from remotebatch.provider.recording import user_at_host
from remotebatch.status import JobStatus, JobType
from remotebatch.tracking.tracker import Tracker
from remotebatch.tracking.waiting import wait_until, watching
from remotebatch.views import html, text

if TYPE_CHECKING:
    from typing_extensions import Self

Value = TypeVar("Value", covariant=True)


class Job(ABC, Generic[Value]):
    """A handle on work at a provider. It holds nothing that its id could not bring back.

    It is generic in the value that awaiting it gives.
    """

    type: JobType

    def __init__(self, environment: Environment, tracker: Tracker) -> None:
        self._environment = environment
        self._tracker = tracker

    # -- identity ---------------------------------------------------------------------------

    @property
    @abstractmethod
    def id(self) -> str:
        """remotebatch's id of the job, a UUID; the provider has its own."""

    @property
    def name(self) -> str:
        """The job's name: the ``name`` setting, or the function's name."""
        return self._tracker.record.name

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._environment.provider

    @property
    def environment(self) -> Environment:
        """The environment the job was submitted to."""
        return self._environment

    @property
    def settings(self) -> Mapping[str, Any]:
        """The job settings in force, defaults included; an input file is given by its digest."""
        return MappingProxyType(self._tracker.record.settings_in_force())

    @property
    def submitted_at(self) -> datetime:
        """When the job was submitted (UTC)."""
        return datetime.fromtimestamp(self._tracker.record.submitted_at, timezone.utc)

    @property
    def provider_job_id(self) -> str:
        """The provider's id of the job."""
        return self._tracker.record.provider_job_id

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it takes to attach to the job elsewhere."""
        record = msgspec.structs.replace(self._tracker.record, base_environment={}, integrity_key=None)
        return _attached, (self._environment, record)

    # -- where it stands --------------------------------------------------------------------

    @property
    def status(self) -> JobStatus:
        """The job's status.

        :raises ProviderError: if the provider cannot be asked; that does not mean the job has failed.
        """
        self._tracker.refresh()
        return self._known_status()

    @property
    def in_progress(self) -> bool:
        """Whether the job is queued or running; False also where its status cannot be had."""
        return self._is(lambda status: not status.final)

    @property
    def succeeded(self) -> bool:
        """Whether all of the job succeeded; False also where its status cannot be had."""
        return self._is(lambda status: status.final and not self._any_failed())

    @property
    def failed(self) -> bool:
        """Whether the job has ended and any of it failed; False also where its status cannot be had."""
        return self._is(lambda status: status.final and self._any_failed())

    @property
    @abstractmethod
    def status_reason(self) -> str | None:
        """Why the job is in its status, where there is something to say."""

    def done(self) -> bool:
        """Whether the job has ended, well or badly."""
        return self.status.final

    # -- waiting ----------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> Self:
        """Block until the job has ended, well or badly.

        :param timeout: the longest to wait, in seconds.
        :returns: the job.
        :raises TimeoutError: if it has not ended by then; it goes on.
        :raises ProviderError: if it cannot be watched any more, having been deleted.
        """
        if not wait_until([self._tracker], self._known_done, timeout):
            raise TimeoutError(f"{self._title()} is still {self._known_status()} after {timeout} s")
        return self

    def __await__(self) -> Generator[Any, None, Value]:
        """Wait without blocking the event loop; the value is that of :meth:`result`."""
        return self._completion().__await__()

    async def _completion(self) -> Value:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(changed.set)

        with watching([self._tracker], lambda events: wake()):
            while not self._known_done():
                if self._tracker.error is not None:
                    raise self._tracker.error
                await changed.wait()
                changed.clear()
        return await asyncio.to_thread(self._value)

    # -- acting on it -----------------------------------------------------------------------

    def abort(self) -> Self:
        """End the job with every process and container it started.

        What has ended stays as it is. The status may lag a moment behind.

        :returns: the job.
        """
        reason = f"aborted by remotebatch on behalf of {_who()}"
        self._tracker.provider.abort(self._tracker.record, self._indices(), reason)
        return self

    def retry(self) -> Self:
        """Run what has failed again, with the same inputs; the id stays.

        What succeeded is kept, and what is still running is left alone.

        :returns: the job.
        """
        self._tracker.refresh()
        indices = self._indices() or range(self._tracker.task_count)
        tasks = [self._tracker.task(index) for index in indices]
        failed = [task for task in tasks if task.status is JobStatus.FAILED]
        if failed:
            self._tracker.provider.retry(self._tracker.record, [task.index for task in failed])
            self._tracker.reopen(failed)
        return self

    @abstractmethod
    def properties(self) -> dict[str, Any]:
        """All of the job's properties in one dict."""

    def _delete(self) -> None:
        self._tracker.provider.delete(self._tracker.record)
        self._tracker.fail(JobNotFound(f"{self._title()} has been deleted"))

    # -- looks ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return text.line(f"{type(self).__name__} {self.name!r} {self.id} at {self.provider}", self._facts())

    def _repr_html_(self) -> str:
        return html.card(f"{type(self).__name__} {self.name}", self._facts())

    def _facts(self) -> text.Facts:
        facts = [("id", self.id), ("provider", self.provider)]
        asked = "status"
        try:
            status = self.status
            facts.append((asked, str(status)))
            asked = "children"
            facts += self._more_facts()
            asked = "reason"
            reason = None if status is JobStatus.SUCCEEDED else self.status_reason
            facts += [(asked, reason)] if reason else []
        except ProviderError as error:
            facts.append((asked, f"unknown ({error})"))
        return [*facts, ("submitted", f"{self.submitted_at:%Y-%m-%d %H:%M:%S} UTC")]

    def _more_facts(self) -> text.Facts:
        """What a kind of job has to say beyond the common."""
        return []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # -- for subclasses ---------------------------------------------------------------------

    @abstractmethod
    def _known_status(self) -> JobStatus:
        """The status as last known, without a query."""

    @abstractmethod
    def _any_failed(self) -> bool: ...

    @abstractmethod
    def _indices(self) -> Sequence[int] | None:
        """The tasks this object stands for; None for all of the job's."""

    @abstractmethod
    def _value(self) -> Value:
        """What awaiting the job gives, once it has ended."""

    def _known_done(self) -> bool:
        return self._known_status().final

    def _is(self, condition: Callable[[JobStatus], bool]) -> bool:
        try:
            return condition(self.status)
        except ProviderError:
            return False

    def _title(self) -> str:
        return f"job {self.name!r} ({self.id})"

    def _common_properties(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "provider": self.provider,
            "environment": self._environment.properties,
            "settings": dict(self.settings),
            "submitted_at": self.submitted_at,
            "submitted_by": self._tracker.record.submitted_by,
            "status": self.status,
            "status_reason": self.status_reason,
            "provider_job_id": self.provider_job_id,
        }


def _attached(environment: Environment, record: JobRecord) -> Job[Any]:
    """A job out of its pickle; the provider is asked when something is asked of the job."""
    return environment.job_of(record)


def _who() -> str:
    return f"{user_at_host()}, process {os.getpid()}"


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as a time (UTC)."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
