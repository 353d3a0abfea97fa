"""The contract between job objects and a place where tasks run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from remotebatch.pools import PoolManager
from remotebatch.provider.records import Changes, JobListing, JobRecord, OutputFile, TaskRecord
from remotebatch.provider.submission import Submission
from remotebatch.provider.wake import Wake
from remotebatch.settings import JobSettings
from remotebatch.status import Counts

Stream = Literal["stdout", "stderr"]


class Provider(ABC):
    """A place where jobs run.

    The abstract members are the core that every provider has. What only some can do is an optional
    capability: a property that returns an object of its own, or None (the default).

    Every method may raise :class:`~remotebatch.ProviderError`, and ``ProviderUnavailable`` where the same
    call may succeed later. Methods that take a job may raise ``JobNotFound``. They are called from several
    threads at once.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[JobSettings]] = JobSettings
    refresh_interval: ClassVar[float] = 0.0
    """Seconds for which a status that was just read may be shown again without a query."""

    # -- optional capabilities --------------------------------------------------------------

    @property
    def pools(self) -> PoolManager | None:
        """The pools that jobs run on; None for a provider without pools."""
        return None

    # -- the core ---------------------------------------------------------------------------

    @abstractmethod
    def __init__(self, **properties: Any) -> None:
        """Check the environment's properties; connect to nothing that costs time or money yet."""

    @property
    @abstractmethod
    def properties(self) -> Mapping[str, Any]:
        """The environment's properties as given, without secrets."""

    @abstractmethod
    def check(self, settings: JobSettings) -> None:
        """Refuse, at once, settings that can never run here."""

    @abstractmethod
    def submit(self, submission: Submission) -> JobRecord:
        """Store the submission and start the job. Repeating it with the same id is harmless."""

    @abstractmethod
    def jobs(self) -> list[JobListing]:
        """Single and Array jobs, newest first; the cost must not grow with the number of their tasks.

        A job whose record this version cannot read is left out with a Python warning that names it.
        """

    @abstractmethod
    def job(self, job_id: str) -> JobRecord:
        """The job of that id, whatever process submitted it.

        :raises UnreadableRecord: if a newer version of remotebatch recorded it.
        """

    @abstractmethod
    def task_id(self, job: JobRecord, index: int) -> str:
        """The provider's own id of a task."""

    @abstractmethod
    def counts(self, job: JobRecord) -> Counts:
        """How many tasks are in each status; the cost must not grow with their number."""

    @abstractmethod
    def poll(
        self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
    ) -> dict[str, Changes]:
        """Report what has changed in some jobs.

        :param cursors: job id → cursor of the last change that is known, ``""`` for none.
        :param timeout: how long to wait, in seconds, for something to change.
        :param wake: ends the wait early.
        :returns: only the jobs that changed.
        :raises JobNotFound: if one of the jobs is gone.
        """

    def explain(self, job: JobRecord, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Fill in what a poll leaves out of failed tasks because it would cost a request for each.

        That is the failure type, the exit code and the reason. A failed task is unexplained while it has
        no failure type; here it gets one. By default a poll leaves nothing out.

        :param tasks: unexplained tasks of the job.
        :returns: the same tasks, explained.
        """
        return list(tasks)

    @abstractmethod
    def read_result(self, job: JobRecord, index: int) -> bytes:
        """The result object of a task.

        :raises FileNotFoundError: if it stored none.
        """

    def read_results(self, job: JobRecord, indices: Iterable[int]) -> Iterator[tuple[int, bytes | OSError]]:
        """The result objects of several tasks, in the order given, read ahead within bounded memory.

        Closing the iterator ends the reading.

        :returns: index and object; ``FileNotFoundError``, as a value, of a task that stored none.
        """
        for index in indices:
            try:
                data: bytes | OSError = self.read_result(job, index)
            except OSError as error:
                data = error
            yield index, data

    def save_result(self, job: JobRecord, index: int, to: Path) -> None:
        """Copy the result object of a task, however large, to a local file.

        :raises FileNotFoundError: if it stored none.
        """
        to.write_bytes(self.read_result(job, index))

    @abstractmethod
    def read_command(self, job: JobRecord, index: int) -> list[str]:
        """The argument list of a task that is a command."""

    @abstractmethod
    def read_stream(self, job: JobRecord, index: int, stream: Stream, offset: int = 0) -> bytes:
        """What a task has written so far, from a byte offset; empty where there is nothing."""

    @abstractmethod
    def output_files(self, job: JobRecord, index: int) -> list[OutputFile]:
        """Files that a task wrote under ``./JobOutput/``, by name."""

    @abstractmethod
    def download(self, job: JobRecord, index: int, name: str, to: Path) -> None:
        """Copy one of those files to a local path."""

    @abstractmethod
    def abort(self, job: JobRecord, indices: Sequence[int] | None, reason: str) -> None:
        """End tasks, all if None, with everything they started; ended ones stay as they are."""

    @abstractmethod
    def retry(self, job: JobRecord, indices: Sequence[int] | None) -> None:
        """Run failed tasks again with the same inputs; those that have not failed stay as they are."""

    @abstractmethod
    def delete(self, job: JobRecord) -> None:
        """End the job and remove all that is stored of it."""

    def forget(self, job_ids: Iterable[str]) -> None:  # noqa: B027 - most providers keep nothing
        """Drop what is kept in memory of jobs that no job object of this process stands for any more."""

    def close(self) -> None:  # noqa: B027 - a provider without connections has nothing to close
        """Close connections; the next call opens new ones."""
