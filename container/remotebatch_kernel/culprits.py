"""Which part of an object cannot be pickled, and the way to it, in the words of its owner.

The object is pickled once more, to nowhere, by the standard library's pickler in Python, which shows where it
is when it fails. None of the user's code runs but what pickling runs, and no ``__repr__``.
"""

from __future__ import annotations

import os
import pickle
import sys
import sysconfig
import time
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from remotebatch_kernel.pickling import global_names

_SECONDS = 1.0
_LOOK_AT_CLOCK = 1000
_LONGEST_TEXT = 300
_LONGEST_KEY = 40
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
_ONES_OWN = "make it in the function"
_CONNECT = "connect in the function"
_KINDS = {
    "_io._IOBase": ("an open file", "send its path or its content, and open it in the function"),
    "_socket.socket": ("a socket", _CONNECT),
    "sqlite3.Connection": ("sqlite3.Connection", _CONNECT),
    "builtins.generator": ("a generator", "send a list of what it yields, or make it in the function"),
    "builtins.async_generator": ("an asynchronous generator", _ONES_OWN),
    "builtins.coroutine": ("a coroutine", _ONES_OWN),
    "builtins.frame": ("a frame", "send what is needed of it, as text"),
    "builtins.traceback": ("a traceback", "send its text, as traceback.format_exc() gives it"),
    "builtins.memoryview": ("a memoryview", "send its bytes"),
    "threading.Thread": ("a thread", "start it in the function"),
    "multiprocessing.process.BaseProcess": ("a process", "start it in the function"),
    "subprocess.Popen": ("a process", "start it in the function"),
    "concurrent.futures._base.Executor": ("an executor", _ONES_OWN),
}
"""Type, or a base of it → what it is, and what to do."""


class Named(NamedTuple):
    """Something to be pickled."""

    title: str
    """What it is, for the beginning of a line."""
    name: str
    """What the way to a part of it begins with."""
    value: Any
    titled: bool = True
    """Whether the title names the thing itself well enough."""


class Refused(NamedTuple):
    """What cannot be pickled."""

    way: str
    """The way to it, and what it is."""
    reason: str
    """Why not; empty where what it is says it."""
    advice: str

    def text(self, cannot: str) -> str:
        """One line.

        :param cannot: what cannot be done with it, such as "cannot be sent".
        """
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.way} {cannot}{reason}: {self.advice}"


def find(parts: Iterable[Named], pickler: Any, met: Exception) -> Refused | None:
    """Find what cannot be pickled.

    :param parts: what is to be pickled, one after another.
    :param pickler: a new :class:`~remotebatch_kernel.pickling.Pickler`, for its reductions.
    :param met: what was raised when it was pickled before.
    :returns: None if all of it can be pickled, or if finding out takes too long or too deep a recursion.
    """
    tracer = _Tracer(pickler)
    for part in parts:
        try:
            tracer.save(part.value)
        except _TooLong:
            return None
        except Exception as error:  # raised by a user's __reduce__
            if _is_too_deep(error) and not _is_too_deep(met):
                return None  # this way of pickling takes more of the stack
            try:
                return _describe(tracer.trail, error, part)
            except Exception:  # raised by a user's metaclass
                return None
    return None


def described(error: BaseException) -> str:
    """An exception's type and what it says, in one line that is not too long."""
    try:
        said = str(error)
    except Exception:  # raised by a user's __str__
        said = ""
    said = " ".join(said[: 2 * _LONGEST_TEXT].split())
    said = said if len(said) <= _LONGEST_TEXT else f"{said[:_LONGEST_TEXT]}…"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class _TooLong(Exception):
    """Pickling once more takes too long."""


class _Nowhere:
    def write(self, _: Any) -> int:
        return 0


class _Tracer(pickle._Pickler):
    """Pickles to nowhere. Where it fails, the trail is the way there."""

    def __init__(self, pickler: Any) -> None:
        super().__init__(_Nowhere(), pickle.HIGHEST_PROTOCOL)
        self.dispatch_table = pickler.dispatch_table
        self._reduce = pickler.reducer_override
        self.trail: list[Any] = []
        self._saved = 0
        self._end = time.monotonic() + _SECONDS

    def reducer_override(self, obj: Any) -> Any:
        """Decide how an object is pickled."""
        return self._reduce(obj)

    def save(self, obj: Any, *rest: Any, **more: Any) -> None:
        """Pickle one object."""
        self._saved += 1
        is_atom = type(obj) in _ATOMS
        if not (is_atom and self._saved % _LOOK_AT_CLOCK) and time.monotonic() > self._end:
            raise _TooLong
        if is_atom:
            return
        self.trail.append(obj)
        super().save(obj, *rest, **more)  # type: ignore[misc]
        self.trail.pop()


def _describe(trail: list[Any], error: Exception, part: Named) -> Refused:
    if _is_too_deep(error):
        return _describe_deep(trail, part)
    way, named, holder = _Way(part), 0, ""
    for position in range(1, len(trail)):
        if position - named > _FARTHEST_PART:
            break
        step = _step(trail[named], trail[position])
        if step is not None:
            way.add(*step)
            holder = _writer_of_state(trail[named]) if step[0] == "at" and step[1].startswith(".") else ""
            named = position
    where = _raised_at(error)
    kind, advice = _kind(trail[-1])
    if named < len(trail) - 1:  # none that one could name in the source
        kind, holder = f"whose pickling hands on {kind}", ""
    if where:
        reason = f"{described(error)}, raised at {where}"
        return Refused(way.text(kind), reason, "correct what raises it, or send something else")
    reason, advice = ("", advice) if advice else (described(error), _ONES_OWN)
    if holder:
        advice += f", or leave it out in {holder}.__getstate__"
    return Refused(way.text(kind), reason, advice)


def _describe_deep(trail: list[Any], part: Named) -> Refused:
    way, named = _Way(part), 0
    for position in range(1, min(len(trail), _STEPS_OF_DEEP)):
        step = _step(trail[named], trail[position])
        if step is not None:
            way.add(*step)
            named = position
    reason = "it is nested more deeply than pickling can follow"
    if named:
        way.add("at", "…")
    return Refused(way.text(""), reason, "send it in flat parts, such as a list")


_STEPS_OF_DEEP = 10
_FARTHEST_PART = 8
"""Of the things that pickling makes between an object and its part there are fewer."""


def _is_too_deep(error: Exception) -> bool:
    return isinstance(error, RecursionError) or isinstance(error.__context__, RecursionError)


class _Way:
    """The way to a part, in words."""

    def __init__(self, start: Named) -> None:
        self._words, self._path = start.title, start.name
        self._bare = True  # nothing but a name
        self._told = start.titled  # the words say all that the path would

    def add(self, kind: str, name: str) -> None:
        """Take one step."""
        if kind == "at":
            if name:
                self._path, self._bare, self._told = self._path + name, False, False
            return
        if kind == "use":
            where, _, name = name.rpartition("\0")
            link = "" if self._told else ", which" if self._bare else f": {self._path}"
            self._words += f"{link} uses {where}"
            self._bare = True
        elif kind == "of":
            name, self._bare = f"{name} of {self._path}", False
        else:
            self._bare = False
        self._path, self._told = name, False

    def text(self, kind: str) -> str:
        """The whole way, and what is there."""
        words, path = _shortened(self._words), _shortened(self._path)
        shown = f" ({kind})" if kind else ""
        return f"{words}{shown}" if self._told else f"{words}: {path}{shown}"


def _shortened(text: str) -> str:
    half = _LONGEST_TEXT // 2
    return text if len(text) <= _LONGEST_TEXT else f"{text[:half]}…{text[-half:]}"


def _step(owner: Any, part: Any) -> tuple[str, str] | None:
    """The step from an object to a part of it; None if it is none, but something that pickling makes."""
    try:
        return next((step for step, value in _parts(owner) if value is part), None)
    except Exception:  # raised by what a user's class does with its attributes
        return None


def _parts(owner: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    kind = type(owner)
    if issubclass(kind, dict):
        for key, value in dict.items(owner):
            yield ("at", f"[{_key(key)}]"), value
            yield ("of", "a key"), key
    elif issubclass(kind, (list, tuple)):
        base: Any = list if issubclass(kind, list) else tuple
        names = getattr(kind, "_fields", ()) if base is tuple else ()
        for position, value in enumerate(base.__iter__(owner)):
            yield ("at", f".{names[position]}" if position < len(names) else f"[{position}]"), value
    elif issubclass(kind, (set, frozenset)):
        members: Any = set if issubclass(kind, set) else frozenset
        yield from ((("of", "an element"), value) for value in members.__iter__(owner))
    elif kind is types.FunctionType:
        yield from _parts_of_function(owner)
    elif kind is types.MethodType:
        yield ("use", "its object, 'self'\0self"), owner.__self__
        yield ("at", ""), owner.__func__
    elif issubclass(kind, type):
        yield from (
            (("at", f".{name}"), value) for name, value in type.__getattribute__(owner, "__dict__").items()
        )
        yield from ((("named", base.__qualname__), base) for base in owner.__mro__[1:])
    elif f"{kind.__module__}.{kind.__qualname__}" == "functools.partial":
        yield ("at", ""), owner.func
        for number, value in enumerate(owner.args):
            yield ("use", f"argument {number} of the partial\0args[{number}]"), value
        for name, value in owner.keywords.items():
            yield ("use", f"argument {name!r} of the partial\0{name}"), value
        return
    elif kind.__module__ == "collections" and kind.__qualname__ == "deque":
        yield from ((("at", f"[{position}]"), value) for position, value in enumerate(owner))
    yield from _attributes(owner)


def _attributes(owner: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    kind = type(owner)
    for name in ("__wrapped__", "__func__", "func", "fget", "fset", "fdel"):  # of what wraps a function
        if kind.__module__ in ("builtins", "functools") and hasattr(owner, name):
            yield ("at", ""), getattr(owner, name)
    try:
        attributes = object.__getattribute__(owner, "__dict__")
    except AttributeError:
        attributes = {}
    if isinstance(attributes, (dict, Mapping)) and not issubclass(kind, type):
        yield from ((("at", f".{name}"), value) for name, value in dict(attributes).items())
    for base in kind.__mro__:
        for name, descriptor in type.__getattribute__(base, "__dict__").items():
            if type(descriptor) is types.MemberDescriptorType:
                try:
                    yield ("at", f".{name}"), descriptor.__get__(owner)
                except (AttributeError, TypeError):  # a slot that is empty
                    continue
    yield ("named", kind.__qualname__), kind


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[tuple[str, str], Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield ("use", f"{name!r} of the enclosing function\0{name}"), cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue
    for name in global_names(function.__code__):
        if name in function.__globals__:
            yield ("use", f"the global {name!r}\0{name}"), function.__globals__[name]
    count = function.__code__.co_argcount
    defaults = function.__defaults__ or ()
    named = [*zip(function.__code__.co_varnames[count - len(defaults) : count], defaults)]
    for name, value in [*named, *(function.__kwdefaults__ or {}).items()]:
        yield ("use", f"the default of {name!r}\0{name}"), value


def _key(key: Any) -> str:
    if type(key) is str:
        text = f'"{key}"'
    elif type(key) in (bool, float, type(None)) or (type(key) is int and key.bit_length() < _LONGEST_KEY):
        text = repr(key)
    elif type(key) is tuple and all(type(part) in (str, int) for part in key):
        text = ", ".join(_key(part) for part in key)
    else:
        text = _type_name(type(key))
    return text if len(text) <= _LONGEST_KEY else f"{text[:_LONGEST_KEY]}…"


def _type_name(kind: type) -> str:
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"


def _kind(culprit: Any) -> tuple[str, str]:
    """What a thing is, and what to do; "" if there is no advice for its kind."""
    for base in type(culprit).__mro__:
        known = _KINDS.get(f"{base.__module__}.{base.__qualname__}")
        if known:
            return known
    return _type_name(type(culprit)), ""


def _writer_of_state(owner: Any) -> str:
    """The user's class of an object, which may say what is pickled of it; "" if it is another's."""
    kind = type(owner)
    if kind.__module__ in sys.builtin_module_names or issubclass(kind, (type, tuple)):
        return ""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    others = kind.__module__ != "__main__" and file and _is_of_library(file)
    return "" if others else kind.__qualname__


def _raised_at(error: Exception) -> str:
    """Where in the user's code an exception was raised, as ``file:line``; "" if not there."""
    where = ""
    for frame, line in _frames(error):
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in _PICKLING and not module.startswith(_OURS):
            file = frame.f_code.co_filename
            if not _is_of_library(file):
                where = f"{file}:{line}"
    return where


_PICKLING = frozenset({"pickle", "cloudpickle", "copyreg"})
_OURS = ("remotebatch_kernel.", "remotebatch.packing.")
_SITE = frozenset({"site-packages", "dist-packages"})


def _frames(error: BaseException) -> Iterator[tuple[types.FrameType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is_of_library(file: str) -> bool:
    standard = ("<frozen ", *(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")))
    return file.startswith(standard) or bool(_SITE & set(file.split(os.sep)))
