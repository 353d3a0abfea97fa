"""What a process keeps when it becomes another program: put back as it was before the user's code ran."""

from __future__ import annotations

import os
import resource
import signal
import sys
from contextlib import suppress
from os import chdir, dup, dup2, execve, sched_setaffinity, set_inheritable, umask, waitpid
from typing import NoReturn

from remotebatch_kernel.system import linux

_LIMITS = tuple(
    getattr(resource, name)
    for name in ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
)
_CLOCKS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class ProcessState:
    """The state of this process, as it is now.

    What it needs later it holds itself, because the user's code may replace functions of :mod:`os`.
    """

    def __init__(self) -> None:
        self._program = sys.executable
        self._environment = dict(os.environ)
        self._umask = umask(0o022)
        umask(self._umask)
        self._limits = {limit: resource.getrlimit(limit) for limit in _LIMITS}
        self._processors = os.sched_getaffinity(0)
        self._streams = [dup(number) for number in range(3)]
        self._children = set(linux.children(os.getpid()))

    def close(self) -> None:
        """Give up what it holds open."""
        for kept in self._streams:
            os.close(kept)

    def begin_again(self, descriptor: int, arguments: list[str]) -> NoReturn:
        """Become a program, in that state.

        :param descriptor: which it inherits, beside the standard streams.
        :raises OSError: if it cannot be started.
        """
        _reset_signals()
        for pid in set(linux.children(os.getpid())) - self._children:
            if linux.kill_tree(pid):  # another begins it again, if a task needs it
                waitpid(pid, 0)
        chdir("/")
        umask(self._umask)
        for limit, (soft, hard) in self._limits.items():
            with suppress(OSError, ValueError):  # only the system's administrator may raise a hard one again
                resource.setrlimit(limit, (soft, hard))
        with suppress(OSError):
            sched_setaffinity(0, self._processors)
        for number, kept in enumerate(self._streams):
            dup2(kept, number)
        set_inheritable(descriptor, True)
        execve(self._program, arguments, self._environment)


def _reset_signals() -> None:
    for clock in _CLOCKS:
        signal.setitimer(clock, 0)
    for number in signal.valid_signals():
        with suppress(OSError, ValueError):  # SIGKILL, SIGSTOP, and those of the C library
            signal.signal(number, signal.SIG_DFL)  # an ignored one would stay ignored
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
