"""Jobs that are one task: a single job, or a child of an array."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from remotebatch.jobs.base import Job, moment
from remotebatch.jobs.environment import Environment
from remotebatch.jobs.evaluation import Evaluation
from remotebatch.jobs.result_reader import ResultReader
from remotebatch.provider import OutputFile, Stream, TaskRecord
from remotebatch.status import FailureType, JobStatus, JobType
from remotebatch.tracking.tracker import Tracker
from remotebatch.tracking.waiting import wait_until
from remotebatch.views import text

if TYPE_CHECKING:
    from remotebatch.jobs.array import ArrayJob

Result = TypeVar("Result", covariant=True)

_FOLLOW_INTERVAL = 0.1


class TaskJob(Job[Result]):
    """A job with one evaluation."""

    def __init__(self, environment: Environment, tracker: Tracker, index: int) -> None:
        super().__init__(environment, tracker)
        self._index = index
        self._reader = ResultReader(tracker, index)

    @property
    def provider_task_id(self) -> str:
        """The provider's id of the task: "10000000" for a single job."""
        return self._tracker.provider.task_id(self._tracker.record, self._index)

    @property
    def status_reason(self) -> str | None:
        """Why the job is in its status, where there is something to say."""
        return self._explained_task().reason

    @property
    def exit_code(self) -> int | None:
        """Exit code of the task's process; 128 plus the signal's number if a signal ended it.

        None before it has ended, and where no process was started.
        """
        return self._explained_task().exit_code

    @property
    def failure_type(self) -> FailureType | None:
        """The class of the failure, None where there is none."""
        return self._explained_task().failure_type

    @property
    def attempts(self) -> int:
        """Number of the current attempt, from 1: it grows with each retry."""
        return self._task().attempts

    @property
    def requeues(self) -> int:
        """How often the task was queued again because what ran it went away."""
        return self._task().requeues

    @property
    def started_at(self) -> datetime | None:
        """When the current attempt began to run (UTC); None if it has not."""
        return moment(self._task().started_at)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended (UTC); None if it has not."""
        return moment(self._task().ended_at)

    # -- streams ----------------------------------------------------------------------------

    @overload
    def log(self, *, raw: Literal[False] = False) -> str: ...
    @overload
    def log(self, *, raw: Literal[True]) -> bytes: ...
    def log(self, *, raw: bool = False) -> str | bytes:
        """Standard output: so far while the job runs, all of it after.

        :param raw: bytes as written, in place of text read as UTF-8 with replacement.
        """
        return self._stream("stdout", raw)

    @overload
    def error_log(self, *, raw: Literal[False] = False) -> str: ...
    @overload
    def error_log(self, *, raw: Literal[True]) -> bytes: ...
    def error_log(self, *, raw: bool = False) -> str | bytes:
        """Standard error, as :meth:`log` gives standard output."""
        return self._stream("stderr", raw)

    def follow(self, stream: Stream = "stdout") -> Iterator[str]:
        """Yield the lines of a stream as they are written, until the job has ended.

        :param stream: "stdout" or "stderr".
        """
        offset, rest = 0, b""
        interval = max(_FOLLOW_INTERVAL, self._tracker.provider.refresh_interval)
        while True:
            ended = wait_until([self._tracker], self._known_done, interval)
            data = self._read_stream(stream, offset)
            offset += len(data)
            *lines, rest = (rest + data).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if ended and not data:
                break
        if rest:
            yield rest.decode(errors="replace")

    # -- outcome ----------------------------------------------------------------------------

    @property
    def evaluation(self) -> Evaluation | None:
        """The record of the evaluation; None before the job has ended."""
        if not self.status.final:
            return None
        return self._reader.evaluation()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the job and return its value.

        A child that spans several elements returns the list of their values.

        :param timeout: the longest to wait, in seconds.
        :raises Exception: what the function raised, as itself.
        :raises JobFailed: if the job failed otherwise.
        :raises TimeoutError: if the job has not ended in time.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        value: Result = self._reader.evaluation().result
        return value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the job and return what :meth:`result` would raise, None where that is nothing."""
        self.wait(timeout)
        return self._reader.exception()

    def outcomes(self) -> list[Any]:
        """For a job that has ended: value or exception of each element of its span."""
        return self._reader.outcomes()

    def save_result(self, to: str | Path, timeout: float | None = None) -> Path:
        """Wait for the job and copy its result to a local file, without holding it in memory.

        :func:`remotebatch.load_result` gives the value, or raises the exception, that is in such a file.

        :param to: the file; its directory is made if need be.
        :param timeout: the longest to wait, in seconds.
        :returns: where it is.
        :raises JobFailed: if the job has stored no result; no file is made.
        :raises TimeoutError: if the job has not ended in time.
        """
        self.wait(timeout)
        target = Path(to)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
        try:
            self._reader.copy_to(part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return target

    # -- files ------------------------------------------------------------------------------

    def output_files(self) -> list[OutputFile]:
        """What the function wrote under ``./JobOutput/``, by name; complete once the job has ended."""
        return self._tracker.provider.output_files(self._tracker.record, self._index)

    def download(self, to: str | Path, names: Sequence[str] | None = None) -> list[Path]:
        """Copy output files to a local directory, which is made if need be.

        :param names: which of them; all by default.
        :returns: where they are.
        :raises FileNotFoundError: if there is no output file of that name.
        """
        available = [file.name for file in self.output_files()]
        chosen = available if names is None else list(names)
        for name in chosen:
            if name not in available:
                raise FileNotFoundError(f"{self._title()} has no output file {name!r}; it has {available}")
        copies = []
        for name in chosen:
            copy = Path(to) / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            self._tracker.provider.download(self._tracker.record, self._index, name, copy)
            copies.append(copy)
        return copies

    def properties(self) -> dict[str, Any]:
        """All of the job's properties in one dict."""
        task = self._explained_task()
        loaded = self.evaluation
        return self._common_properties() | {
            "provider_task_id": self.provider_task_id,
            "exit_code": task.exit_code,
            "failure_type": task.failure_type,
            "attempts": task.attempts,
            "requeues": task.requeues,
            "started_at": moment(task.started_at),
            "ended_at": moment(task.ended_at),
            "input_string": loaded.input_string if loaded else None,
            "warnings": loaded.warnings if loaded else [],
            "timing": loaded.timing if loaded else None,
            "absolute_timing": loaded.absolute_timing if loaded else None,
            "output_files": [file.name for file in self.output_files()],
        }

    # -- within -----------------------------------------------------------------------------

    def _more_facts(self) -> text.Facts:
        task = self._known_task()
        attempts = task.attempts if task.attempts > 1 else 0
        return text.more_than_none(attempts=attempts, requeues=task.requeues)

    def _known_task(self) -> TaskRecord:
        return self._tracker.task(self._index)

    def _task(self) -> TaskRecord:
        self._tracker.refresh()
        return self._known_task()

    def _known_status(self) -> JobStatus:
        return self._known_task().status

    def _any_failed(self) -> bool:
        return self._known_task().status is JobStatus.FAILED

    def _indices(self) -> Sequence[int] | None:
        return [self._index]

    def _value(self) -> Result:
        return self.result()

    def _stream(self, stream: Stream, raw: bool) -> str | bytes:
        data = self._read_stream(stream, 0)
        return data if raw else data.decode(errors="replace")

    def _read_stream(self, stream: Stream, offset: int) -> bytes:
        return self._tracker.provider.read_stream(self._tracker.record, self._index, stream, offset)

    def _explained_task(self) -> TaskRecord:
        self._tracker.refresh()
        return self._tracker.explained(self._index)


class SingleJob(TaskJob[Result]):
    """One call of one function."""

    type = JobType.SINGLE

    def __init__(self, environment: Environment, tracker: Tracker) -> None:
        super().__init__(environment, tracker, 0)

    @property
    def id(self) -> str:
        """remotebatch's id of the job, a UUID; the provider has its own."""
        return self._tracker.record.id

    def delete(self) -> None:
        """End the job if need be and remove all that is stored of it."""
        self._delete()


class ArrayChildJob(TaskJob[Result]):
    """One task of an array job."""

    type = JobType.ARRAY_CHILD

    def __init__(self, parent: ArrayJob[Result], index: int) -> None:
        super().__init__(parent.environment, parent._tracker, index)
        self.parent = parent

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it takes to attach to the job elsewhere."""
        return ArrayChildJob, (self.parent, self._index)

    @property
    def id(self) -> str:
        """A UUID derived from the array's and the index, the same in every process."""
        return str(uuid.uuid5(uuid.UUID(self._tracker.record.id), str(self._index)))

    @property
    def index(self) -> int:
        """Position among the array's children, from 0."""
        return self._index

    @property
    def span(self) -> range:
        """Indices of the elements this child evaluates."""
        return self._tracker.record.span(self._index)

    def _title(self) -> str:
        return f"child {self._index} of job {self.name!r} ({self.parent.id})"

    def properties(self) -> dict[str, Any]:
        """All of the job's properties in one dict."""
        return super().properties() | {"parent": self.parent.id, "index": self.index, "span": self.span}
