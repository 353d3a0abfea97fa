"""What came of a task: the result object, unpacked."""

from __future__ import annotations

import pickle
import subprocess
from dataclasses import dataclass, field
from typing import Any

from remotebatch.errors import JobFailed, RemoteException
from remotebatch.records import JobRecord, TaskRecord
from remotebatch.status import FailureType
from remotebatch_kernel import envelope


@dataclass(frozen=True)
class Evaluation:
    """The record of one evaluation (Wolfram: EvaluationData)."""

    success: bool
    failure_type: FailureType | None
    message: str
    """Why it failed; empty where it did not."""
    input_string: str = ""
    """The call as text, shortened."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """Python warnings, each with category, message, filename and lineno (Wolfram: Messages)."""
    timing: float | None = None
    """CPU seconds, with those of child processes (Wolfram: Timing)."""
    absolute_timing: float | None = None
    """Wall-clock seconds (Wolfram: AbsoluteTiming)."""
    python: str | None = None
    """Version of the Python that evaluated it."""
    outcomes: list[tuple[Any, ...]] = field(default_factory=list, repr=False)
    """One for each element of the span; see :mod:`remotebatch_kernel.result`."""

    @property
    def result(self) -> Any:
        """The value; for a span of several elements the list of them; None if there is none."""
        values = [outcome[1] if outcome[0] == "value" else None for outcome in self.outcomes]
        return values[0] if len(values) == 1 else values or None


class CorruptResult(ValueError):
    """What is stored as a result cannot be read as one."""


def unpack(data: bytes) -> Evaluation:
    """Read a result object.

    :raises CorruptResult: if it is cut or altered, or its values cannot be unpickled here.
    """
    try:
        header, payload = envelope.unpack(data)
        outcomes = pickle.loads(payload) if len(payload) else []
    except envelope.CorruptEnvelope as error:
        raise CorruptResult(f"the stored result is damaged: {error}") from error
    except Exception as error:  # unpickling runs whatever the user's classes define
        raise CorruptResult(
            f"the result cannot be unpickled here: {type(error).__name__}: {error}"
        ) from error
    failure = header["failure_type"]
    return Evaluation(
        success=header["success"],
        failure_type=FailureType(failure) if failure else None,
        message=header["message"],
        input_string=header["input_string"],
        warnings=header["warnings"],
        timing=header["timing"],
        absolute_timing=header["absolute_timing"],
        python=header["python"],
        outcomes=outcomes,
    )


def of_command(argv: list[str], task: TaskRecord, stdout: bytes, stderr: bytes) -> Evaluation:
    """The evaluation of a command: a completed process."""
    outcomes: list[tuple[Any, ...]] = []
    if task.exit_code is not None:  # else no process was ever started
        streams = (stdout.decode(errors="replace"), stderr.decode(errors="replace"))
        outcomes = [("value", subprocess.CompletedProcess(argv, task.exit_code, *streams))]
    wall = task.ended_at - task.started_at if task.ended_at and task.started_at else None
    return Evaluation(
        success=task.failure_type is None,
        failure_type=task.failure_type,
        message=task.reason or "",
        input_string=" ".join(argv),
        absolute_timing=wall,
        outcomes=outcomes,
    )


def rebuild(outcome: tuple[Any, ...], job: JobRecord, task: TaskRecord) -> BaseException:
    """The user's exception, with the remote traceback to be shown below it."""
    _, pickled, type_name, message, traceback = outcome
    exception: BaseException | None = None
    if pickled is not None:
        try:
            exception = pickle.loads(pickled)
        except Exception:
            exception = None
    if exception is None:
        unknown = RemoteException(
            message,
            job_id=job.id,
            task_id=job.task_id(task.index),
            failure_type=task.failure_type or FailureType.USER_EXCEPTION,
            exit_code=task.exit_code,
        )
        unknown.type_name, unknown.remote_traceback = type_name, traceback
        exception = unknown
    text = f"Remote traceback of task {job.task_id(task.index)} in job {job.id}:\n{traceback.rstrip()}"
    if hasattr(exception, "add_note"):
        exception.add_note(text)
    else:  # Python 3.10
        exception.__cause__ = RemoteTraceback(text)
    return exception


class RemoteTraceback(Exception):
    """Carries a remote traceback as a cause, where Python has no notes on exceptions."""


def failed(job: JobRecord, task: TaskRecord, message: str | None = None) -> JobFailed:
    """The error for a task that ended without a value."""
    failure = task.failure_type or FailureType.RESULT_UNAVAILABLE
    where = f"job {job.name!r} ({job.id}), task {job.task_id(task.index)}"
    return JobFailed(
        f"{failure}: {message or task.reason or 'no reason given'} [{where}]",
        job_id=job.id,
        task_id=job.task_id(task.index),
        failure_type=failure,
        exit_code=task.exit_code,
    )
