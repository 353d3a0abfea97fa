"""From how the kernel left a task, by exit code and result object, to the failure's class and reason."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any, NamedTuple

from remotebatch.status import FailureType
from remotebatch_kernel.formats import exit_codes

_BY_EXIT_CODE = {
    exit_codes.USER_EXCEPTION: FailureType.USER_EXCEPTION,
    exit_codes.VERSION_MISMATCH: FailureType.VERSION_MISMATCH,
    exit_codes.FUNCTION_UNREADABLE: FailureType.INPUT_UNAVAILABLE,
    exit_codes.INPUT_UNREADABLE: FailureType.INPUT_UNAVAILABLE,
    exit_codes.MODULE_MISSING: FailureType.MODULE_MISSING,
    exit_codes.RESULT_UNPICKLABLE: FailureType.RESULT_UNAVAILABLE,
    exit_codes.RESULT_UNWRITABLE: FailureType.RESULT_UNAVAILABLE,
    exit_codes.OUT_OF_MEMORY: FailureType.OUT_OF_MEMORY,
    exit_codes.SETUP_FAILED: FailureType.SETUP_FAILED,
}
_SIGNAL_BASE = 128
_BY_FAILURE = {failure.value: code for code, failure in reversed(_BY_EXIT_CODE.items())}


class Failure(NamedTuple):
    """Why a task failed."""

    type: FailureType
    reason: str


def by_result(exit_code: int | None, header: Mapping[str, Any]) -> Failure:
    """Why a task failed that has stored a result object, going by that object's header."""
    if header["success"]:
        return Failure(FailureType.NON_ZERO_EXIT, f"exit code {exit_code}, after the result was stored")
    return Failure(FailureType(header["failure_type"]), header["message"])


def by_exit_code(exit_code: int | None) -> Failure:
    """Why a call failed that has stored no result object."""
    if exit_code == exit_codes.USER_EXCEPTION:  # a function that raises has its exception stored
        reason = f"exit code {exit_code} before a result was stored; the error log may say why"
        return Failure(FailureType.NON_ZERO_EXIT, reason)
    meaning = exit_codes.MEANINGS.get(exit_code or 0) or _signal(exit_code)
    reason = f"exit code {exit_code}" + (f": {meaning}" if meaning else "")
    return Failure(_BY_EXIT_CODE.get(exit_code or 0, FailureType.NON_ZERO_EXIT), reason)


def of_command(exit_code: int | None) -> Failure:
    """Why a command failed."""
    missing = {exit_codes.PROGRAM_NOT_FOUND, exit_codes.NOT_EXECUTABLE}
    meaning = exit_codes.MEANINGS[exit_code] if exit_code in missing else _signal(exit_code)
    reason = f"the command ended with exit code {exit_code}" + (f": {meaning}" if meaning else "")
    return Failure(FailureType.NON_ZERO_EXIT, reason)


def _signal(exit_code: int | None) -> str | None:
    """The signal that an exit code stands for, as shells and containers report it."""
    try:
        return f"killed by {signal.Signals((exit_code or 0) - _SIGNAL_BASE).name}"
    except ValueError:
        return None


def exit_code_of(failure_type: str) -> int | None:
    """The kernel's exit code for a class of failure, None where several or none would do."""
    return _BY_FAILURE.get(failure_type)
