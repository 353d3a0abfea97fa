"""What a provider is: the contract between job objects and a place where tasks run.

A provider is a subclass of :class:`Provider`, found by its name through the entry-point group
``remotebatch.providers``. :mod:`remotebatch.testing` has the tests that every provider must pass.
"""

from __future__ import annotations

import functools
import os
import select
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import WeakValueDictionary

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch.packing.submission import FunctionObject, Inputs
from remotebatch.provider import plugins
from remotebatch.provider.records import Changes, Counts, JobListing, JobRecord, OutputFile, TaskRecord
from remotebatch.settings import JobSettings
from remotebatch.status import JobType

if TYPE_CHECKING:
    from remotebatch.tracking.tracker import Monitor, Tracker

Stream = Literal["stdout", "stderr"]

GROUP = "remotebatch.providers"


@dataclass(frozen=True)
class Submission:
    """A job to be: everything packed and checked, nothing stored yet."""

    id: str
    type: JobType
    name: str
    settings: JobSettings
    inputs: Inputs
    """The elements; for commands, their argument lists."""
    chunksize: int
    function: FunctionObject | None
    """None where the elements are commands."""


class Wake:
    """Ends a provider's wait early, from another thread; it can be waited for with ``select``."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._read

    def set(self) -> None:
        """End the wait that is under way, or the next one."""
        try:
            os.write(self._write, b"\0")
        except BlockingIOError:
            pass  # full of wakes already

    def clear(self) -> None:
        """Forget all wakes so far."""
        try:
            os.read(self._read, 65536)
        except BlockingIOError:
            pass

    def wait(self, timeout: float) -> bool:
        """Sleep, at most ``timeout`` seconds; tell whether it was ended early."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._read)
        os.close(self._write)


class Provider(ABC):
    """A place where jobs run.

    Every method may raise :class:`~remotebatch.ProviderError`; ``ProviderUnavailable`` where the
    same call may succeed later. Methods that take a job may raise ``JobNotFound``. They are called
    from several threads at once.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[JobSettings]] = JobSettings
    refresh_interval: ClassVar[float] = 0.0
    """Seconds for which a status that was just read may be shown again without a query."""

    monitor: Monitor | None = None
    """Set by :mod:`remotebatch.tracking.tracker`, which polls each provider from one place."""

    @functools.cached_property
    def trackers(self) -> WeakValueDictionary[str, Tracker]:
        """Likewise: what is known of each job that somebody has a handle on."""
        return WeakValueDictionary()

    @abstractmethod
    def __init__(self, **properties: Any) -> None:
        """Check the environment's properties; reach for nothing yet that costs time or money."""

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
        """Single and Array jobs, newest first; the cost must not grow with the number of their tasks."""

    @abstractmethod
    def job(self, job_id: str) -> JobRecord:
        """The job of that id, whoever submitted it."""

    @abstractmethod
    def counts(self, job: JobRecord) -> Counts:
        """How many tasks are in each status; the cost must not grow with their number."""

    @abstractmethod
    def poll(self, cursors: Mapping[str, str], timeout: float, wake: Wake) -> dict[str, Changes]:
        """Tell what has changed in some jobs.

        :param cursors: job id → cursor of the last change that is known, ``""`` for none.
        :param timeout: how long to wait, in seconds, for something to change.
        :param wake: ends the wait early.
        :returns: only the jobs that changed; a job that is gone is reported by ``JobNotFound``.
        """

    def explain(self, job: JobRecord, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Fill in what a poll leaves out of failed tasks because it would cost a request for each.

        That is the failure type, the exit code and the reason. A failed task is unexplained while it has
        no failure type; here it gets one. By default a poll leaves nothing out.

        :param tasks: unexplained ones of the job.
        :returns: the same tasks, explained.
        """
        return list(tasks)

    @abstractmethod
    def read_result(self, job: JobRecord, index: int) -> bytes:
        """The result object of a task.

        :raises FileNotFoundError: if it stored none.
        """

    def read_results(self, job: JobRecord, indices: Iterable[int]) -> Iterator[tuple[int, bytes | OSError]]:
        """The result objects of several tasks, in the order asked, read ahead within bounded memory.

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

    @property
    def pool(self) -> Any:
        """What manages the pool that jobs run on.

        :raises ProviderError: if the provider has no pools.
        """
        raise ProviderError(f"the {self.name} provider has no pools to manage")

    def close(self) -> None:  # noqa: B027 - a provider without connections has nothing to close
        """Give up connections; the next call makes new ones."""


def provider_names() -> list[str]:
    """Names of the installed providers."""
    return sorted(point.name for point in entry_points(group=GROUP))


def provider_class(name: str) -> Callable[..., Provider]:
    """Find an installed provider by its name.

    :raises InvalidSetting: naming the installed ones.
    :raises ProviderError: saying what to install, if a package that it needs is missing.
    """
    point = plugins.find(GROUP, name)
    if point is not None:
        found: type[Provider] = plugins.load(point)
        return found
    raise InvalidSetting(f"no provider {name!r} is installed; installed are: {', '.join(provider_names())}")
