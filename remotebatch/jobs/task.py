"""Jobs that are one task: a single job, or a child of an array."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from remotebatch.jobs import evaluation
from remotebatch.jobs.base import Job, moment
from remotebatch.jobs.evaluation import Evaluation
from remotebatch.provider.base import Stream
from remotebatch.provider.records import OutputFile, TaskRecord
from remotebatch.status import FailureType, JobStatus, JobType
from remotebatch.tracking.tracker import Tracker, wait_until
from remotebatch.views import text as display

if TYPE_CHECKING:
    from remotebatch.environment import SubmissionEnvironment
    from remotebatch.jobs.array import ArrayJob

_FOLLOW_INTERVAL = 0.1


class TaskJob(Job):
    """A job with one evaluation."""

    def __init__(self, environment: SubmissionEnvironment, tracker: Tracker, index: int) -> None:
        super().__init__(environment, tracker)
        self._index = index
        self._evaluation: Evaluation | None = None
        self._evaluated_attempt = 0

    @property
    def provider_task_id(self) -> str:
        """The provider's id of the task: "10000000" for a single job (Wolfram: ProviderTaskID)."""
        return self._tracker.record.task_id(self._index)

    @property
    def status_reason(self) -> str | None:
        """Why the job is in its status, where there is something to say (Wolfram: JobStatusReason)."""
        return self._explained_task().reason

    @property
    def exit_code(self) -> int | None:
        """Exit code of the task's process; 128 plus the signal's number if a signal ended it.

        None before it has ended, and where no process was started (Wolfram: JobExitCode).
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
        """Standard output: so far while the job runs, all of it after (Wolfram: JobLog).

        :param raw: bytes as written, in place of text read as UTF-8 with replacement.
        """
        return self._stream("stdout", raw)

    @overload
    def error_log(self, *, raw: Literal[False] = False) -> str: ...
    @overload
    def error_log(self, *, raw: Literal[True]) -> bytes: ...
    def error_log(self, *, raw: bool = False) -> str | bytes:
        """Standard error, as :meth:`log` gives standard output (Wolfram: JobStandardErrorLog)."""
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
        """The record of the evaluation; None before the job has ended (Wolfram: EvaluationData)."""
        if not self.status.final:
            return None
        return self._load_evaluation()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the job and return its value (Wolfram: EvaluationResult).

        A child that spans several elements returns the list of their values.

        :param timeout: the longest to wait, in seconds.
        :raises Exception: what the function raised, as itself.
        :raises JobFailed: if the job failed otherwise.
        :raises TimeoutError: if the job has not ended in time.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        return self._load_evaluation().result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the job and return what :meth:`result` would raise, None where that is nothing."""
        self.wait(timeout)
        loaded = self._load_evaluation()
        for outcome in loaded.outcomes:
            if outcome[0] == "error":
                return self._rebuild(outcome)
        return None if loaded.success else self._failed(loaded)

    def outcomes(self) -> list[Any]:
        """For a job that has ended: value or exception of each element of its span."""
        loaded, record = self._load_evaluation(), self._tracker.record
        if not loaded.outcomes or (record.function is None and not loaded.success):
            return [self._failed(loaded) for _ in record.span(self._index)]
        results: list[Any] = []
        for outcome in loaded.outcomes:
            if outcome[0] == "value":
                results.append(outcome[1])
            elif outcome[0] == "error":
                results.append(self._rebuild(outcome))
            else:  # missing
                results.append(self._failed(loaded))
        return results

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
            self._copy_result(part)
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
        """All of the job's properties in one dict (Wolfram: Properties)."""
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

    def _more_facts(self) -> display.Facts:
        task = self._known_task()
        attempts = task.attempts if task.attempts > 1 else 0
        return display.more_than_none(attempts=attempts, requeues=task.requeues)

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

    def _value(self) -> Any:
        return self.result()

    def _stream(self, stream: Stream, raw: bool) -> str | bytes:
        data = self._read_stream(stream, 0)
        return data if raw else data.decode(errors="replace")

    def _read_stream(self, stream: Stream, offset: int) -> bytes:
        return self._tracker.provider.read_stream(self._tracker.record, self._index, stream, offset)

    def _explained_task(self) -> TaskRecord:
        self._tracker.refresh()
        return self._tracker.explained(self._index)

    def _load_evaluation(self) -> Evaluation:
        attempt = self._known_task().attempts
        if self._evaluation is None or self._evaluated_attempt != attempt:
            self._evaluation, self._evaluated_attempt = self._read_evaluation(), attempt
        return self._evaluation

    def _take_result(self, data: bytes | OSError, together: Sequence[int]) -> None:
        """Take in the result object, which was read with those of other tasks.

        :param together: the tasks to be explained with this one, should it need that.
        """
        task = self._known_task()
        if task.status.final:  # else it was given another attempt meanwhile
            loaded = self._evaluate(data, together)
            if not loaded.success and not any(outcome[0] == "error" for outcome in loaded.outcomes):
                self._tracker.explained(self._index, together)
            self._evaluation, self._evaluated_attempt = loaded, task.attempts

    def _read_evaluation(self) -> Evaluation:
        if self._tracker.record.function is None:
            return self._command_evaluation()
        try:
            data: bytes | OSError = self._read_result()
        except OSError as error:
            data = error
        return self._evaluate(data, [self._index])

    def _command_evaluation(self) -> Evaluation:
        argv = self._tracker.provider.read_command(self._tracker.record, self._index)
        task = self._tracker.explained(self._index)
        return evaluation.of_command(argv, task, self.log(raw=True), self.error_log(raw=True))

    def _evaluate(self, data: bytes | OSError, together: Sequence[int]) -> Evaluation:
        try:
            loaded = self._unpack(data)
        except FileNotFoundError:
            return self._no_result(
                "the job ended well, but its result is not stored where it should be", together
            )
        except (OSError, evaluation.CorruptResult) as error:
            return _no_value(FailureType.RESULT_UNAVAILABLE, str(error))
        if loaded.success != (self._known_status() is JobStatus.SUCCEEDED):
            # ended by something else at the last moment: what the platform saw is what counts
            return self._no_result(loaded.message, together)
        return loaded

    def _unpack(self, data: bytes | OSError) -> Evaluation:
        if isinstance(data, OSError):
            raise data
        try:
            return evaluation.unpack(data)
        except evaluation.DamagedResult:  # on its way, it may be
            return evaluation.unpack(self._read_result())

    def _read_result(self) -> bytes:
        return self._tracker.provider.read_result(self._tracker.record, self._index)

    def _copy_result(self, to: Path) -> None:
        """Copy the result object to a file, or raise why there is none."""
        if self._tracker.record.function is None:
            to.write_bytes(evaluation.pack(self._load_evaluation()))
            return
        try:
            succeeded = self._copy_whole(to)
        except FileNotFoundError as error:
            raise self._failed(self._evaluate(error, [self._index])) from None
        except evaluation.DamagedResult as error:
            raise self._failed(_no_value(FailureType.RESULT_UNAVAILABLE, str(error))) from error
        if succeeded != (self._known_status() is JobStatus.SUCCEEDED):
            raise self._failed(self._no_result("", [self._index]))

    def _copy_whole(self, to: Path) -> bool:
        save = partial(self._tracker.provider.save_result, self._tracker.record, self._index, to)
        save()
        try:
            return evaluation.succeeded_in(to)
        except evaluation.DamagedResult:  # on its way, it may be
            save()
            return evaluation.succeeded_in(to)

    def _no_result(self, otherwise: str, together: Sequence[int]) -> Evaluation:
        """The evaluation of a task that stored no result, or one that does not count."""
        task = self._tracker.explained(self._index, together)
        return _no_value(task.failure_type, task.reason or otherwise)

    def _rebuild(self, outcome: tuple[Any, ...]) -> BaseException:
        explained = partial(self._tracker.explained, self._index)
        return evaluation.rebuild(outcome, evaluation.origin(self._tracker.record, self._index, explained))

    def _failed(self, loaded: Evaluation) -> Exception:
        record, task = self._tracker.record, self._tracker.explained(self._index)
        if task.failure_type is None:  # ended well, but what it stored cannot be had
            return evaluation.failed(record, task, loaded.message)
        told = [task.reason or loaded.message]
        if record.function is None:
            stderr = loaded.outcomes[0][1].stderr if loaded.outcomes else self.error_log()
            told += stderr.rstrip().splitlines()[-5:]
        return evaluation.failed(record, task, "\n".join(told))


def _no_value(failure_type: FailureType | None, message: str) -> Evaluation:
    return Evaluation(
        success=False, failure_type=failure_type or FailureType.RESULT_UNAVAILABLE, message=message
    )


class SingleJob(TaskJob):
    """One call of one function (Wolfram: a job object of type Single)."""

    type = JobType.SINGLE

    def __init__(self, environment: SubmissionEnvironment, tracker: Tracker) -> None:
        super().__init__(environment, tracker, 0)

    @property
    def id(self) -> str:
        """remotebatch's id of the job, a UUID; the provider has its own (Wolfram: JobUUID)."""
        return self._tracker.record.id

    def delete(self) -> None:
        """End the job if need be and remove all that is stored of it (Wolfram: DeleteObject)."""
        self._delete()


class ArrayChildJob(TaskJob):
    """One task of an array job (Wolfram: a job object of type ArrayChild)."""

    type = JobType.ARRAY_CHILD

    def __init__(self, parent: ArrayJob, index: int) -> None:
        super().__init__(parent.environment, parent._tracker, index)
        self.parent = parent

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
        """All of the job's properties in one dict (Wolfram: Properties)."""
        return super().properties() | {"parent": self.parent.id, "index": self.index, "span": self.span}
