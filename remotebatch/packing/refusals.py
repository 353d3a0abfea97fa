"""Which part of a function or of its arguments cannot be pickled, in words."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from remotebatch.packing.pickler import Pickler
from remotebatch_kernel import culprits
from remotebatch_kernel.culprits import Named


def explain_argument(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    position: int,
    error: Exception,
) -> str:
    """Which argument of a call cannot be pickled, and what in it; the element if there are several."""
    element = f" of element {position}" if position else ""
    parts = [
        Named(f"argument {name!r}{element}", name, value)
        for name, value in named_arguments(function, args, kwargs)
    ]
    return _explain(parts, f"an argument{element}", error)


def explain_function(
    name: str, function: Callable[..., Any], initializer: Callable[[], Any] | None, error: Exception
) -> str:
    """Which object that a function or an initializer uses cannot be pickled, and what in it."""
    title = f"function {name!r}"
    parts = [_called(title, name, function)]
    if initializer is not None:
        parts.append(_called("the initializer", "initializer", initializer))
    return _explain(parts, title, error)


def _explain(parts: list[Named], title: str, error: Exception) -> str:
    refused = culprits.find(parts, Pickler(io.BytesIO()), error)
    if refused is not None:
        return refused.text("cannot be sent")
    if len(parts) == 1:
        title, parts = parts[0].title, []
    for part in parts:
        try:
            Pickler(io.BytesIO()).dump(part.value)
        except Exception as its:  # the one that was met before, or its like
            title, error = part.title, its
            break
    return f"{title} cannot be sent ({culprits.described(error)})"


def _called(title: str, name: str, function: Callable[..., Any]) -> Named:
    if type(function).__module__ in ("builtins", "functools") and not isinstance(function, type):
        return Named(title, name, function)
    return Named(title, name if isinstance(function, type) else "self", function, titled=False)


def named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """The arguments of a call by the names of the function's parameters, or else by their positions."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except Exception:  # a builtin without a signature, or annotations that cannot be evaluated
        parameters = []
    for position, value in enumerate(args):
        before = parameters[: position + 1]
        rest = next((index for index, one in enumerate(before) if one.kind is one.VAR_POSITIONAL), None)
        if rest is not None:
            yield f"{before[rest].name}[{position - rest}]", value
        else:
            yield (parameters[position].name if position < len(parameters) else f"args[{position}]"), value
    yield from kwargs.items()
