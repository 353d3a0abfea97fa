"""The functions of the language."""

from __future__ import annotations

import math
import random
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import partial

from azurebatch_emulator.autoscale.failures import EvaluationError, Stop
from azurebatch_emulator.autoscale.values import Value, Vector, require_nothing, type_name
from azurebatch_emulator.protocol.models.common import moment

Function = Callable[[Sequence[Value]], Value]

_MOST_ELEMENTS = 10_000
_W3C_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)


def functions(now: datetime) -> Mapping[str, Function]:
    """All functions, by name.

    :param now: what ``time()`` returns.
    """
    return {**_FUNCTIONS, "time": partial(_time, now)}


def _of_list(compute: Callable[[Vector], float]) -> Function:
    """A function of a list; that of an empty one is zero."""

    def function(arguments: Sequence[Value]) -> Value:
        elements = _joined(arguments)
        return float(compute(elements)) if elements else 0.0

    return function


def _logarithm(compute: Callable[[float], float]) -> Function:
    """A function of one double, or of each element of a list."""

    def function(arguments: Sequence[Value]) -> Value:
        elements = _joined(arguments)
        if any(element <= 0 for element in elements):
            raise EvaluationError("Only positive doubles have a logarithm")
        logarithms = tuple(map(compute, elements))
        return logarithms[0] if [*map(type, arguments)] == [float] else logarithms

    return function


def _joined(arguments: Sequence[Value]) -> Vector:
    """Doubles and vectors, in any order, as one vector."""
    elements: list[float] = []
    for argument in arguments:
        if isinstance(argument, float):
            elements.append(argument)
        elif isinstance(argument, tuple):
            elements.extend(argument)
        else:
            raise EvaluationError(f"Expected double or doubleVec, got {type_name(argument)}")
        if len(elements) > _MOST_ELEMENTS:  # statements that double a vector would soon fill the memory
            raise EvaluationError(f"A list has {_MOST_ELEMENTS} elements at the most")
    return tuple(elements)


def _range(elements: Vector) -> float:
    return max(elements) - min(elements)


def _deviation(elements: Vector) -> float:
    return statistics.stdev(elements) if len(elements) > 1 else 0.0


def _norm(elements: Vector) -> float:
    return math.hypot(*elements)


def _percentile(arguments: Sequence[Value]) -> Value:
    """The element that so many percent of all elements do not exceed."""
    elements, percent = _vector_and_double(arguments)
    if not elements or not 0 <= percent <= 100:
        raise EvaluationError(f"There is no percentile {percent:g} of {len(elements)} elements")
    return sorted(elements)[max(math.ceil(percent / 100 * len(elements)), 1) - 1]


def _element(arguments: Sequence[Value]) -> Value:
    elements, index = _vector_and_double(arguments)
    if not 0 <= index < len(elements):
        raise EvaluationError(f"There is no element {index:g} of {len(elements)}")
    return elements[int(index)]


def _vector_and_double(arguments: Sequence[Value]) -> tuple[Vector, float]:
    match arguments:
        case [tuple(vector), float(number)]:
            return vector, number
    raise EvaluationError("Expected doubleVec and double")


def _time(now: datetime, arguments: Sequence[Value]) -> Value:
    match arguments:
        case [] | [""]:
            return now
        case [str(text)]:
            return _read_time(text)
    raise EvaluationError("Expected string, or nothing")


def _read_time(text: str) -> datetime:
    """Read a time in W3C-DTF, from "2026" to "2026-11-22T08:12:13.5+01:00", or in RFC 1123."""
    try:
        if match := _W3C_TIME.fullmatch(text):
            year, month, day, minutes, seconds, fraction, zone = match.groups()
            date = f"{year}-{month or '01'}-{day or '01'}"
            clock = f"{minutes or '00:00'}:{seconds or '00'}{fraction or ''}"
            return moment(f"{date}T{clock}{zone or 'Z'}").astimezone(timezone.utc)
        time = parsedate_to_datetime(text)
        return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise EvaluationError(f'"{text}" is no time in W3C-DTF or RFC 1123') from None


def _random(arguments: Sequence[Value]) -> Value:
    require_nothing(arguments)
    return random.random()


def _stop(arguments: Sequence[Value]) -> Value:
    require_nothing(arguments)
    raise Stop


_FUNCTIONS: dict[str, Function] = {
    "avg": _of_list(lambda elements: math.fsum(elements) / len(elements)),
    "len": _of_list(len),
    "lg": _logarithm(math.log2),
    "ln": _logarithm(math.log),
    "log": _logarithm(math.log10),
    "max": _of_list(max),
    "min": _of_list(min),
    "norm": _of_list(_norm),
    "percentile": _percentile,
    "rand": _random,
    "range": _of_list(_range),
    "std": _of_list(_deviation),
    "stop": _stop,
    "sum": _of_list(math.fsum),
    "val": _element,
    "vec": _joined,
}
