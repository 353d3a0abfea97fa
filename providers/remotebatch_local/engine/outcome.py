"""From how a run ended to the outcome of its task: failure type, exit code, reason."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from remotebatch.provider import classification
from remotebatch.status import FailureType
from remotebatch_execution.runners import TaskEnd
from remotebatch_kernel.formats import envelope, exit_codes

_SIGNAL_BASE = 128


@dataclass(frozen=True)
class StopRequest:
    """Why the engine itself is ending a task."""

    failure_type: FailureType
    reason: str


@dataclass(frozen=True)
class TaskOutcome:
    """The outcome of a task that has ended; no failure type means success."""

    exit_code: int | None
    failure_type: FailureType | None = None
    reason: str | None = None


def classify(end: TaskEnd, stop: StopRequest | None, result_path: str | None) -> TaskOutcome:
    """The outcome of a task whose run has ended.

    :param stop: set if the engine ended it on purpose.
    :param result_path: where its result object would be; None for a command, which has none.
    """
    code = end.exit_code if end.signal is None else _SIGNAL_BASE + end.signal
    if stop is not None:
        return TaskOutcome(code, stop.failure_type, stop.reason)
    if end.failure is not None:
        return TaskOutcome(code, FailureType(end.failure), end.message)
    if end.out_of_memory:
        return TaskOutcome(code, FailureType.OUT_OF_MEMORY, end.message)
    if end.signal is not None:
        name = signal.Signals(end.signal).name
        return TaskOutcome(
            code, FailureType.NON_ZERO_EXIT, f"killed by signal {end.signal} ({name}), not by remotebatch"
        )
    if result_path is None:
        if code == exit_codes.SUCCESS:
            return TaskOutcome(code)
        failure = classification.of_command(code)
        return TaskOutcome(code, failure.type, end.message or failure.reason)
    return _classify_call(code, result_path)


def stored_outcome(result_path: str, attempt: int) -> TaskOutcome | None:
    """The outcome according to a stored result, for a task that ended while no agent ran.

    :returns: None if the result is of another attempt or cannot be read.
    """
    try:
        header = envelope.read_header(result_path)
    except (OSError, envelope.CorruptEnvelope):
        return None
    if header["attempt"] != attempt:
        return None
    if header["success"]:
        return TaskOutcome(exit_codes.SUCCESS)
    failure = header["failure_type"]
    return TaskOutcome(classification.exit_code_of(failure), FailureType(failure), header["message"])


def _classify_call(code: int | None, result_path: str) -> TaskOutcome:
    if code == exit_codes.SUCCESS and os.path.exists(result_path):
        return TaskOutcome(code)
    try:
        header = envelope.read_header(result_path)
    except FileNotFoundError:
        if code == exit_codes.SUCCESS:
            return TaskOutcome(
                code, FailureType.RESULT_UNAVAILABLE, "the process ended well but without storing a result"
            )
        return TaskOutcome(code, *classification.by_exit_code(code))
    except (OSError, envelope.CorruptEnvelope) as error:
        return TaskOutcome(code, FailureType.RESULT_UNAVAILABLE, f"the stored result cannot be read: {error}")
    return TaskOutcome(code, *classification.by_result(code, header))
