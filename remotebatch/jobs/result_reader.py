"""Reading what a task has stored, and deciding what it means."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from remotebatch.jobs import evaluation
from remotebatch.jobs.evaluation import Evaluation
from remotebatch.provider import TaskRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch.tracking.tracker import Tracker


class ResultReader:
    """The result of one task that has ended; it is read once for each attempt."""

    def __init__(self, tracker: Tracker, index: int) -> None:
        self._tracker = tracker
        self._index = index
        self._evaluation: Evaluation | None = None
        self._evaluated_attempt = 0

    def evaluation(self) -> Evaluation:
        """The record of the evaluation."""
        attempt = self._task.attempts
        if self._evaluation is None or self._evaluated_attempt != attempt:
            self._evaluation, self._evaluated_attempt = self._read_evaluation(), attempt
        return self._evaluation

    def take(self, data: bytes | OSError, together: Sequence[int]) -> None:
        """Take in the result object, which was read with those of other tasks.

        :param together: the tasks to be explained with this one, if it needs that.
        """
        task = self._task
        if task.status.final:  # otherwise it was given another attempt meanwhile
            loaded = self._evaluate(data, together)
            if not loaded.success and not any(outcome[0] == "error" for outcome in loaded.outcomes):
                self._tracker.explained(self._index, together)
            self._evaluation, self._evaluated_attempt = loaded, task.attempts

    def exception(self) -> BaseException | None:
        """What the task ended with instead of a value; None if it has a value."""
        loaded = self.evaluation()
        for outcome in loaded.outcomes:
            if outcome[0] == "error":
                return self._rebuild(outcome)
        return None if loaded.success else self._failed(loaded)

    def outcomes(self) -> list[Any]:
        """Value or exception of each element of the task's span."""
        loaded, record = self.evaluation(), self._tracker.record
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

    def copy_to(self, path: Path) -> None:
        """Copy the result object to a file, a piece at a time.

        :raises JobFailed: if there is none.
        """
        if self._tracker.record.function is None:
            path.write_bytes(evaluation.pack(self.evaluation()))
            return
        try:
            succeeded = self._copy_whole(path)
        except FileNotFoundError as error:
            raise self._failed(self._evaluate(error, [self._index])) from None
        except evaluation.DamagedResult as error:
            raise self._failed(_no_value(FailureType.RESULT_UNAVAILABLE, str(error))) from error
        if succeeded != self._has_succeeded:
            raise self._failed(self._no_result("", [self._index]))

    @property
    def _task(self) -> TaskRecord:
        return self._tracker.task(self._index)

    @property
    def _has_succeeded(self) -> bool:
        return self._task.status is JobStatus.SUCCEEDED

    @property
    def _task_id(self) -> str:
        return self._tracker.provider.task_id(self._tracker.record, self._index)

    def _read_evaluation(self) -> Evaluation:
        if self._tracker.record.function is None:
            return self._command_evaluation()
        try:
            data: bytes | OSError = self._read_result()
        except OSError as error:
            data = error
        return self._evaluate(data, [self._index])

    def _command_evaluation(self) -> Evaluation:
        provider, record = self._tracker.provider, self._tracker.record
        argv = provider.read_command(record, self._index)
        task = self._tracker.explained(self._index)
        stdout = provider.read_stream(record, self._index, "stdout")
        return evaluation.of_command(argv, task, stdout, self._stderr())

    def _stderr(self) -> bytes:
        return self._tracker.provider.read_stream(self._tracker.record, self._index, "stderr")

    def _evaluate(self, data: bytes | OSError, together: Sequence[int]) -> Evaluation:
        try:
            loaded = self._unpack(data)
        except FileNotFoundError:
            return self._no_result(
                "the job ended well, but its result is not stored where it should be", together
            )
        except (OSError, evaluation.CorruptResult) as error:
            return _no_value(FailureType.RESULT_UNAVAILABLE, str(error))
        if loaded.success != self._has_succeeded:
            # ended by something else at the last moment: what the platform saw is what counts
            return self._no_result(loaded.message, together)
        return loaded

    def _unpack(self, data: bytes | OSError) -> Evaluation:
        if isinstance(data, OSError):
            raise data
        try:
            return evaluation.unpack(data)
        except evaluation.DamagedResult:  # perhaps only on its way
            return evaluation.unpack(self._read_result())

    def _read_result(self) -> bytes:
        return self._tracker.provider.read_result(self._tracker.record, self._index)

    def _copy_whole(self, path: Path) -> bool:
        save = partial(self._tracker.provider.save_result, self._tracker.record, self._index, path)
        save()
        try:
            return evaluation.succeeded_in(path)
        except evaluation.DamagedResult:  # perhaps only on its way
            save()
            return evaluation.succeeded_in(path)

    def _no_result(self, otherwise: str, together: Sequence[int]) -> Evaluation:
        """The evaluation of a task that stored no result, or one that does not count."""
        task = self._tracker.explained(self._index, together)
        return _no_value(task.failure_type, task.reason or otherwise)

    def _rebuild(self, outcome: tuple[Any, ...]) -> BaseException:
        explained = partial(self._tracker.explained, self._index)
        origin = evaluation.origin(self._tracker.record, self._task_id, explained)
        return evaluation.rebuild(outcome, origin)

    def _failed(self, loaded: Evaluation) -> Exception:
        record, task = self._tracker.record, self._tracker.explained(self._index)
        if task.failure_type is None:  # ended well, but its result cannot be read
            return evaluation.failed(record, self._task_id, task, loaded.message)
        lines = [task.reason or loaded.message]
        if record.function is None:
            stderr = self._stderr().decode(errors="replace")
            lines += (loaded.outcomes[0][1].stderr if loaded.outcomes else stderr).rstrip().splitlines()[-5:]
        return evaluation.failed(record, self._task_id, task, "\n".join(lines))


def _no_value(failure_type: FailureType | None, message: str) -> Evaluation:
    return Evaluation(
        success=False, failure_type=failure_type or FailureType.RESULT_UNAVAILABLE, message=message
    )
