"""SIGTERM, which asks a task to end: user code gets to clean up, and the task's own forks end by default."""

from __future__ import annotations

import signal
import threading

# signal's own makes enums of the result, each time
from _signal import pthread_sigmask  # type: ignore[import-not-found]
from collections.abc import Callable
from typing import Any, NoReturn

_ONLY = (signal.SIGTERM,)
_EXIT_CODE = 128 + signal.SIGTERM  # as exit_codes.TERMINATED


class Terminated(SystemExit):
    """Raised in the user's code by SIGTERM, so that its ``finally`` blocks run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return SystemExit, self.args  # no stored pickle names this module


def heed() -> None:
    """Have SIGTERM raise :class:`Terminated` in this process's main thread."""
    signal.signal(signal.SIGTERM, _terminate)


def hold_back() -> None:
    """Block it: one that arrives stays pending."""
    pthread_sigmask(signal.SIG_BLOCK, _ONLY)


def let_through() -> None:
    """Unblock it; one that is pending arrives now."""
    pthread_sigmask(signal.SIG_UNBLOCK, _ONLY)


def _terminate(signum: int, frame: Any) -> NoReturn:
    signal.signal(signal.SIGTERM, _ignore)  # once is enough: let the clean-up finish
    raise Terminated(_EXIT_CODE)


def _ignore(signum: int, frame: Any) -> None:
    """Unlike SIG_IGN, a program that is executed does not inherit it."""


# A task that forks, as multiprocessing does, ends its processes by SIGTERM. One that arrives too early
# would be lost in the interpreter's own after-fork code, and later it must not raise Terminated there.

_held_before = threading.local()


def _before_fork() -> None:
    _held_before.mask = pthread_sigmask(signal.SIG_BLOCK, _ONLY)


def _after_fork_in_parent() -> None:
    pthread_sigmask(signal.SIG_SETMASK, _held_before.mask)


def _after_fork_in_child() -> None:
    if signal.getsignal(signal.SIGTERM) in (_terminate, _ignore):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pthread_sigmask(signal.SIG_SETMASK, _held_before.mask)


FORK_HANDLERS: dict[str, Callable[[], None]] = {
    "before": _before_fork,
    "after_in_parent": _after_fork_in_parent,
    "after_in_child": _after_fork_in_child,
}
"""For ``os.register_at_fork``."""
