"""The arguments of a call as a short text, for people.

It is made for each element of an array, so it looks at a few of an argument's parts only, and calls nothing
of the user's: no ``__repr__`` that may be slow, fail or never end. What is of a type that is not Python's own
is shown by its type.
"""

from __future__ import annotations

import datetime as dt
import enum
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import BuiltinFunctionType, FunctionType
from typing import Any

_LONGEST = 200
_LONGEST_TEXT = 30
_LARGEST_BITS = 128
_PARTS = 6
_DEPTH = 3


def arguments_text(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """The arguments of one call, at most 200 characters."""
    if len(args) == 1 and not kwargs and type(args[0]) is int:  # most arrays
        return _int(args[0])
    parts = [short(value) for value in args[:_PARTS]]
    parts += [f"{name}={short(value)}" for name, value in islice(kwargs.items(), _PARTS)]
    if len(args) > _PARTS or len(kwargs) > _PARTS:
        parts.append("…")
    text = ", ".join(parts)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def short(value: Any) -> str:
    """One value."""
    return _short(value, _DEPTH)


def _short(value: Any, depth: int) -> str:
    kind = type(value)
    show = _SHOWN.get(kind)
    if show is not None:
        return show(value)
    brackets = _BRACKETS.get(kind)
    if brackets is not None:
        return _several(value, *brackets, depth)
    if issubclass(kind, enum.Enum):
        return f"{kind.__qualname__}.{object.__getattribute__(value, '_name_')}"
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is getattr(numpy, "ndarray", None):
        return f"<ndarray of {value.dtype}, {' × '.join(map(str, value.shape)) or 'a scalar'}>"
    if numpy is not None and kind.__module__ == "numpy" and issubclass(kind, (numpy.number, numpy.bool_)):
        return repr(value)
    return f"<{kind.__qualname__}>"


def _several(values: Any, opening: str, closing: str, depth: int) -> str:
    if not values:
        return f"{opening}{closing}" if opening in "([" else _EMPTY[type(values)]
    if not depth:
        return f"{opening}…{closing}"
    parts = (
        _items(values, depth - 1) if type(values) is dict else (_short(part, depth - 1) for part in values)
    )
    shown = list(islice(parts, _PARTS))
    if len(values) > _PARTS:
        shown.append("…")
    elif type(values) is tuple and len(values) == 1:
        shown[0] += ","
    return f"{opening}{', '.join(shown)}{closing}"


def _items(values: dict[Any, Any], depth: int) -> Iterator[str]:
    return (f"{_short(key, depth)}: {_short(value, depth)}" for key, value in values.items())


def _int(value: int) -> str:
    return repr(value) if value.bit_length() <= _LARGEST_BITS else f"<int of {value.bit_length()} bits>"


def _range(value: range) -> str:
    step = f", {_int(value.step)}" if value.step != 1 else ""
    return f"range({_int(value.start)}, {_int(value.stop)}{step})"


def _text(value: str | bytes | bytearray) -> str:
    if len(value) <= _LONGEST_TEXT:
        return repr(value)
    return f"{value[: _LONGEST_TEXT // 2]!r}…{value[-_LONGEST_TEXT // 2 :]!r}"


def _function(value: Any) -> str:
    name: str = value.__qualname__
    return name.rpartition("<locals>.")[2]


_SHOWN: dict[type, Callable[[Any], str]] = {
    int: _int,
    str: _text,
    bytes: _text,
    bytearray: _text,
    range: _range,
    FunctionType: _function,
    BuiltinFunctionType: _function,
    type: _function,
    **dict.fromkeys(
        (
            *(type(None), bool, float, complex, type(...)),
            *(dt.date, dt.timedelta, pathlib.PosixPath, pathlib.PurePosixPath),
        ),
        repr,
    ),
}
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
_EMPTY: dict[type, str] = {dict: "{}", set: "set()", frozenset: "frozenset()"}
