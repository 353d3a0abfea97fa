"""Which part of a function or of its arguments cannot be pickled, in words."""

from __future__ import annotations

import functools
import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any

from remotebatch.packing.pickler import Pickler


def explain_argument(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    position: int,
    error: Exception,
) -> str:
    """Which argument of a call cannot be pickled, and what in it; the element if there are several."""
    for name, value in named_arguments(function, args, kwargs):
        culprit = _culprit(value)
        if culprit:
            return f"argument {name!r}{_of_element(position)}: {culprit}"
    return f"the arguments{_of_element(position)} cannot be sent: {error}"


def _of_element(position: int) -> str:
    return f" of element {position}" if position else ""


def named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The arguments of a call by the names of the function's parameters, or else by their positions."""
    try:
        names = list(inspect.signature(function).parameters)
    except Exception:  # a builtin without a signature, or annotations that cannot be evaluated
        names = []
    for position, value in enumerate(args):
        yield (names[position] if position < len(names) else str(position)), value
    yield from kwargs.items()


def explain_function(name: str, function: Callable[..., Any], error: Exception) -> str:
    """Which object that a function uses cannot be pickled, and what in it."""
    for where, value in _held_by(function):
        culprit = _culprit(value)
        if culprit:
            return f"function {name!r} uses {where}: {culprit}. Make it inside the function instead"
    return f"function {name!r} cannot be sent: {error}"


def _held_by(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(function, functools.partial):
        yield from (
            (f"argument {position} of the partial", arg) for position, arg in enumerate(function.args)
        )
        yield from ((f"argument {name!r} of the partial", arg) for name, arg in function.keywords.items())
        function = function.func
    if isinstance(function, MethodType):
        yield "its object, 'self'", function.__self__
    if isinstance(function, FunctionType):
        closure = inspect.getclosurevars(function)
        yield from (
            (f"{name!r} of the enclosing function", value) for name, value in closure.nonlocals.items()
        )
        yield from ((f"the global {name!r}", value) for name, value in closure.globals.items())


def _culprit(value: Any, depth: int = 0) -> str | None:
    """Say which object inside ``value`` cannot be pickled, or None if it can."""
    try:
        Pickler(io.BytesIO()).dump(value)
    except Exception as error:  # raised by a user's __reduce__
        for part in _parts(value) if depth < _CULPRIT_DEPTH else ():
            found = _culprit(part, depth + 1)
            if found:
                return found
        kind = type(value)
        module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
        return f"{module}{kind.__qualname__} cannot be sent ({error})"
    return None


_CULPRIT_DEPTH = 4


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, (type, FunctionType)):
        yield from vars(value).values()
