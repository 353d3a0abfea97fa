"""Watches code that is loaded ahead of the fork, for what would be noticed in a task.

Each task is to find its modules as if it had imported them itself. Most modules only define things: then it
makes no difference that a fork server imported them, once for all tasks. It does where a module reads the
time, the environment or the working directory, draws a random number, prints, or writes.

The interpreter reports calls of builtin functions (:func:`sys.setprofile`), and what it does to the system
(:func:`sys.addaudithook`); what the import system itself does is left out. A call that is not known to be
harmless counts as noticed: then each task loads for itself, more slowly.
"""

from __future__ import annotations

import os
import sys
from types import FrameType, TracebackType
from typing import Any

_IMPORT_SYSTEM = ("<frozen importlib", "<frozen zipimport>")
_MODULES = frozenset(
    {"_posixsubprocess", "_signal", "_socket", "_uuid", "atexit", "random", "resource", "select", "time"}
)
"""Builtin modules any call of which is noticed."""
_OF_THE_SYSTEM = (
    "access chdir fork forkpty getcwd getcwdb getpid getppid getrandom lstat nice register_at_fork setsid "
    "stat times umask urandom"
)
_CALLS = frozenset(
    {
        ("_ssl", "RAND_bytes"),
        ("_thread", "start_joinable_thread"),
        ("_thread", "start_new_thread"),
        ("_warnings", "warn"),
        ("_warnings", "warn_explicit"),
        ("builtins", "input"),
        ("builtins", "print"),
        *(("posix", name) for name in _OF_THE_SYSTEM.split()),
    }
)
_METHODS = frozenset({"now", "today", "utcnow"})
"""Of the classes of dates and times."""
_HARMLESS_EVENTS = frozenset({"compile", "exec", "import"})
_HARMLESS_PREFIXES = (
    *("array.", "builtins.", "code.", "cpython.", "ctypes.", "function."),
    *("gc.", "marshal.", "object.", "pickle.", "sys."),
)
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_DIRECTORY


class Watch:
    """A context in which code is watched.

    :param readable: directories whose files may be read, because they are the same for every task.
    """

    def __init__(self, readable: tuple[str, ...]) -> None:
        self._readable = tuple(os.path.join(directory, "") for directory in readable)
        self.noticed: str | None = None
        """What a task would notice, in words; None if nothing."""
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._active = False

    def __enter__(self) -> Watch:
        self._environment = dict(os.environ)
        self._random_states = _random_states()
        self._active = True
        sys.addaudithook(self._audit)  # it cannot be removed: it does nothing afterwards
        sys.setprofile(self._profile)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setprofile(None)
        self._active = False
        if dict(os.environ) != self._environment:
            self._notice("changes the environment")
        if _random_states() != self._random_states:
            self._notice("draws random numbers")

    def _notice(self, what: str) -> None:
        self.noticed = self.noticed or what

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            if frame.f_code in _ENVIRONMENT_READERS:
                self._notice("reads the environment")
        elif event == "c_call" and not frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            owner, name = argument.__self__, argument.__name__
            module = getattr(argument, "__module__", None) or type(owner).__module__
            if module in _MODULES or (module, name) in _CALLS:
                self._notice(f"calls {module}.{name}")
            elif name in _METHODS and isinstance(owner, type) and owner.__module__ == "datetime":
                self._notice(f"calls {owner.__name__}.{name}")
            elif any(owner is stream for stream in self._streams):
                self._notice("uses the standard streams")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or event in _HARMLESS_EVENTS or event.startswith(_HARMLESS_PREFIXES):
            return
        frame = sys._getframe(1)
        if frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            return
        if event in ("open", "os.listdir", "os.scandir") and self._only_reads(*arguments):
            return
        self._notice(f"does {event}")

    def _only_reads(self, path: Any, mode: Any = None, flags: Any = 0) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)) or (flags or 0) & ~_READING:
            return False
        return os.fsdecode(path).startswith(self._readable)


def _random_states() -> list[Any]:
    """States of the global generators whose use is not reported as a call of a builtin function."""
    states: list[Any] = []
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        kind, key, *rest = numpy.get_state()
        states.append((kind, key.tobytes(), *rest))
    torch = sys.modules.get("torch")
    if torch is not None:
        states.append(torch.get_rng_state().numpy().tobytes())
    return states


_ENVIRONMENT_READERS = frozenset(
    getattr(type(os.environ), name).__code__ for name in ("__getitem__", "__iter__", "__len__", "copy")
)
