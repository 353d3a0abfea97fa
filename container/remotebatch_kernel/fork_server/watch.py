"""Watches code that is loaded ahead of the fork, for what would be noticed in a task.

Each task is to find its modules as if it had imported them itself. Most modules only define things: then it
makes no difference that a fork server imported them, once for all tasks. It does where a module reads the
time, the environment or the working directory, draws a random number, prints, or writes.

The interpreter reports calls of builtin functions (:func:`sys.setprofile`), and what it does to the system
(:func:`sys.addaudithook`); what the import system itself does is left out. A call that is not known to be
harmless counts as noticed: then each task loads for itself, more slowly. So does code that replaces what the
fork server itself works with, such as :func:`os.fork`, which some libraries patch.

Calls that compiled code makes are not reported: ``map(time.sleep, ...)``, ``functools.partial(os.getpid)()``.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType, ModuleType, TracebackType
from typing import Any

_IMPORT_SYSTEM = ("<frozen importlib", "<frozen zipimport>")
_MODULES = frozenset(
    {
        *("_posixsubprocess", "_random", "_signal", "_socket", "_uuid"),
        *("atexit", "random", "resource", "select", "time"),
    }
)
"""Builtin modules any call of which is noticed."""
_HARMLESS_OF_THE_SYSTEM = frozenset(
    {
        *("confstr", "cpu_count", "device_encoding", "fspath", "getegid", "geteuid", "getgid", "getgroups"),
        *("getuid", "listdir", "open", "pathconf", "scandir", "strerror", "sysconf", "uname"),
    }
)
"""Functions of :mod:`os`; others are noticed. What is opened or listed is judged by its path."""
_CALLS = frozenset(
    {
        ("_ssl", "RAND_bytes"),
        ("_thread", "get_native_id"),
        ("_thread", "start_joinable_thread"),
        ("_thread", "start_new_thread"),
        ("_warnings", "warn"),
        ("_warnings", "warn_explicit"),
        ("builtins", "input"),
        ("builtins", "print"),
    }
)
_METHODS = frozenset({"now", "today", "utcnow"})
"""Of the classes of dates and times."""
_NOW = frozenset({"now", "today"})
"""What libraries take for the present time, such as ``numpy.datetime64("now")``."""
_NOTICED_EVENTS = frozenset(
    {"ctypes.call_function", "ctypes.dlsym", "ctypes.dlsym/handle", "sys.setprofile", "sys.settrace"}
)
_KERNEL = frozenset({"remotebatch_kernel.formats", "remotebatch_kernel.system"})
"""Packages of the kernel's that read the function and its inputs."""
_HARMLESS_EVENTS = frozenset({"compile", "exec", "import"})
_HARMLESS_PREFIXES = (
    *("array.", "builtins.", "code.", "cpython.", "ctypes.", "function."),
    *("gc.", "marshal.", "object.", "pickle.", "sys."),
)
_WORKED_WITH = frozenset(
    {
        *("_thread", "builtins", "gc", "io", "json", "os", "pickle"),
        *("posix", "select", "signal", "struct", "sys", "threading", "time"),
    }
)
"""Modules that the fork server works with, beside its own."""
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_DIRECTORY


class Watch:
    """A context in which code is watched.

    :param readable: directories whose files may be read, because they are the same for every task.
    """

    def __init__(self, readable: tuple[str, ...]) -> None:
        self._readable = tuple(os.path.join(directory, "") for directory in readable)
        self.noticed: str | None = None
        """What a task would notice, in words; None if nothing."""
        streams = (sys.stdin, sys.stdout, sys.stderr)
        buffers = [getattr(stream, "buffer", None) for stream in streams]
        self._streams = [
            part
            for part in (*streams, *buffers, *(getattr(buffer, "raw", None) for buffer in buffers))
            if part is not None
        ]
        self._active = False

    def __enter__(self) -> Watch:
        self._environment = dict(os.environ)
        self._random_states = _random_states()
        self._tools, self._path = _tools(), set(sys.path)
        sys.addaudithook(self._audit)  # it cannot be removed: it does nothing afterwards
        sys.setprofile(self._profile)
        self._active = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._active = False
        sys.setprofile(None)
        tools = _tools()
        for place, tool in self._tools.items():
            if tools.get(place) is not tool:
                self._notice(f"replaces {'.'.join(place)}")
        if not all(map(os.path.isabs, set(sys.path) - self._path)):
            self._notice("searches the working directory for modules")
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
            elif frame.f_code.co_filename.startswith(self._readable) and _asks_the_time(frame.f_code):
                self._notice("asks the time")
        elif event == "c_call" and not frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            owner, name = argument.__self__, argument.__name__
            module = getattr(argument, "__module__", None) or type(owner).__module__
            of_the_system = module == "posix" and isinstance(owner, ModuleType) and not _is_harmless(name)
            if frame.f_globals.get("__package__", "") in _KERNEL:
                of_the_system = False  # it reads the function
            if module in _MODULES or (module, name) in _CALLS or of_the_system:
                self._notice(f"calls {module}.{name}")
            elif name in _METHODS and isinstance(owner, type) and _is_date(owner):
                self._notice(f"calls {owner.__name__}.{name}")
            elif any(owner is stream for stream in self._streams):
                self._notice("uses the standard streams")

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active or event in _HARMLESS_EVENTS:
            return
        if event.startswith(_HARMLESS_PREFIXES) and event not in _NOTICED_EVENTS:
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
        return os.path.join(os.path.normpath(os.fsdecode(path)), "").startswith(self._readable)


def _tools() -> dict[tuple[str, str], Any]:
    """The functions, classes and streams of the modules that the fork server works with."""
    return {
        (module, name): value
        for module in list(sys.modules)
        if module in _WORKED_WITH or module.startswith("remotebatch_kernel.")
        for name, value in list(vars(sys.modules[module]).items())
        if callable(value) or name in ("stdin", "stdout", "stderr")
    }


def _is_harmless(name: str) -> bool:
    return name in _HARMLESS_OF_THE_SYSTEM or name.startswith(("_path_", "W"))


def _is_date(cls: type) -> bool:
    return any(base.__module__ == "datetime" for base in cls.__mro__)


def _asks_the_time(code: CodeType) -> bool:
    """Whether code that runs names the present time, which compiled libraries read unreported."""
    return any(type(constant) is str and constant in _NOW for constant in code.co_consts)


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
