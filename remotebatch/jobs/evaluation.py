"""What came of a task: the result object, unpacked."""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remotebatch.errors import JobFailed, RemoteException
from remotebatch.jobs.missing_files import advice
from remotebatch.provider import JobRecord, TaskRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch_kernel.formats import envelope


@dataclass(frozen=True)
class Evaluation:
    """The record of one evaluation."""

    success: bool
    failure_type: FailureType | None
    message: str
    """Why it failed; empty where it did not."""
    input_string: str = ""
    """The call in short, as it was at submission; of types that are not Python's own, only the type."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """Python warnings, each with category, message, filename and lineno."""
    timing: float | None = None
    """CPU seconds, with those of child processes."""
    absolute_timing: float | None = None
    """Wall-clock seconds."""
    python: str | None = None
    """Version of the Python that evaluated it."""
    outcomes: list[tuple[Any, ...]] = field(default_factory=list, repr=False)
    """One for each element of the span; see :mod:`remotebatch_kernel.evaluation.result`."""

    @property
    def result(self) -> Any:
        """The value; for a span of several elements the list of them; None if there is none."""
        values = [outcome[1] if outcome[0] == "value" else None for outcome in self.outcomes]
        return values[0] if len(values) == 1 else values or None


class CorruptResult(ValueError):
    """What is stored as a result cannot be read as one."""


class DamagedResult(CorruptResult):
    """It is cut or altered."""


def unpack(data: bytes | mmap.mmap) -> Evaluation:
    """Read a result object.

    :raises DamagedResult: if it is cut or altered.
    :raises CorruptResult: if its values cannot be unpickled here.
    """
    header, payload = _split(data)
    try:
        outcomes = pickle.loads(payload) if len(payload) else []
    except Exception as error:  # unpickling runs code of the user's classes
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


def succeeded_in(path: Path) -> bool:
    """Whether the result object in a file is that of a success; nothing is unpickled.

    :raises DamagedResult: if it is cut or altered.
    """
    return bool(_split(_mapped(path))[0]["success"])


def pack(evaluation: Evaluation) -> bytes:
    """Write an evaluation of plain values as a result object."""
    header = {
        "kind": "result",
        "success": evaluation.success,
        "failure_type": str(evaluation.failure_type) if evaluation.failure_type else None,
        "message": evaluation.message,
        "input_string": evaluation.input_string,
        "warnings": evaluation.warnings,
        "timing": evaluation.timing,
        "absolute_timing": evaluation.absolute_timing,
        "python": evaluation.python,
    }
    return envelope.pack(header, pickle.dumps(evaluation.outcomes))


def load_result(path: str | os.PathLike[str]) -> Any:
    """The value in a file that ``save_result()`` of a job has written.

    The file is mapped into memory, so that a large value is not held twice while it is read.

    :raises Exception: what the function raised, as itself.
    :raises JobFailed: if the job failed otherwise; the file has neither its ids nor its exit code.
    :raises ValueError: if the file is no result, is damaged, or its value cannot be unpickled here.
    """
    loaded = unpack(_mapped(Path(path)))
    if loaded.success:
        return loaded.result
    failure = loaded.failure_type or FailureType.RESULT_UNAVAILABLE
    where = f"the task whose result is in {os.fspath(path)!r}"
    origin = Origin("", "", where, lambda: TaskRecord(0, JobStatus.FAILED, failure_type=failure))
    for outcome in loaded.outcomes:
        if outcome[0] == "error":
            raise rebuild(outcome, origin)
    message = f"{failure}: {loaded.message} [{where}]"
    raise JobFailed(message, job_id="", task_id="", failure_type=failure, exit_code=None)


def _mapped(path: Path) -> bytes | mmap.mmap:
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return b""  # which cannot be mapped
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _split(data: bytes | mmap.mmap) -> tuple[dict[str, Any], memoryview]:
    try:
        return envelope.unpack(data)  # type: ignore[arg-type] # a mapped file is read as bytes are
    except envelope.CorruptEnvelope as error:
        raise DamagedResult(f"the stored result is damaged: {error}") from error


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


@dataclass(frozen=True)
class Origin:
    """What an outcome came from, for the error that is made of it."""

    job_id: str
    task_id: str
    where: str
    """The task in words."""
    task: Callable[[], TaskRecord]
    """Asked only where the user's exception cannot be rebuilt."""


def origin(job: JobRecord, task_id: str, task: Callable[[], TaskRecord]) -> Origin:
    """A task of a job as the origin of an outcome."""
    return Origin(job.id, task_id, f"task {task_id} in job {job.id}", task)


def rebuild(outcome: tuple[Any, ...], origin: Origin) -> BaseException:
    """The user's exception, with the remote traceback to be shown below it."""
    _, pickled, type_name, message, traceback = outcome
    exception: BaseException | None = None
    if pickled is not None:
        try:
            exception = pickle.loads(pickled)
        except Exception:
            exception = None
    if exception is None:
        task = origin.task()
        unknown = RemoteException(
            message,
            job_id=origin.job_id,
            task_id=origin.task_id,
            failure_type=task.failure_type or FailureType.USER_EXCEPTION,
            exit_code=task.exit_code,
        )
        unknown.type_name, unknown.remote_traceback = type_name, traceback
        exception = unknown
    text = f"Remote traceback of {origin.where}:\n{traceback.rstrip()}"
    if (hint := advice(traceback)) is not None:
        text += f"\n{hint}"
    if hasattr(exception, "add_note"):
        exception.add_note(text)
    else:  # Python 3.10
        exception.__cause__ = RemoteTraceback(text)
    return exception


class RemoteTraceback(Exception):
    """Carries a remote traceback as a cause, where Python has no notes on exceptions."""


def failed(job: JobRecord, task_id: str, task: TaskRecord, message: str | None = None) -> JobFailed:
    """The error for a task that ended without a value."""
    failure = task.failure_type or FailureType.RESULT_UNAVAILABLE
    where = f"job {job.name!r} ({job.id}), task {task_id}"
    return JobFailed(
        f"{failure}: {message or task.reason or 'no reason given'} [{where}]",
        job_id=job.id,
        task_id=task_id,
        failure_type=failure,
        exit_code=task.exit_code,
    )
