"""The types of values in a formula, what the operators do with them, and how results show them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from azurebatch_emulator.autoscale.failures import EvaluationError
from azurebatch_emulator.protocol.models.common import duration
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption

_LONGEST = 2**63 / 1e7  # seconds that the service can count


@dataclass(frozen=True, order=True)
class Interval:
    """A length of time. It knows 100 nanoseconds, which a timedelta does not.

    :raises OverflowError: if it is longer than the service knows.
    """

    seconds: float

    def __post_init__(self) -> None:
        if not abs(self.seconds) <= _LONGEST:  # nan is no length either
            raise OverflowError


Vector: TypeAlias = tuple[float, ...]
Value: TypeAlias = float | Vector | str | datetime | Interval | NodeDeallocationOption

_NAMES: dict[type, str] = {
    float: "double",
    tuple: "doubleVec",
    str: "string",
    datetime: "timestamp",
    Interval: "timeinterval",
    NodeDeallocationOption: "node deallocation option",
}

_SECONDS = {
    "Zero": 0.0,
    "100ns": 1e-7,
    "Microsecond": 1e-6,
    "Millisecond": 1e-3,
    "Second": 1.0,
    "Minute": 60.0,
    "Hour": 3600.0,
    "Day": 86400.0,
    "Week": 7 * 86400.0,
    "Year": 365 * 86400.0,
}

CONSTANTS: dict[str, Value] = {
    **{f"TimeInterval_{unit}": Interval(seconds) for unit, seconds in _SECONDS.items()},
    **{option.value: option for option in NodeDeallocationOption},
}


def type_name(value: Value) -> str:
    """The language's name for the type of a value."""
    return _NAMES[type(value)]


def double(value: Value) -> float:
    """A value where only a double will do.

    :raises EvaluationError: if it is none.
    """
    if not isinstance(value, float):
        raise EvaluationError(f"Expected double, got {type_name(value)}")
    return value


def require_nothing(arguments: Sequence[Value]) -> None:
    """Check that there are no arguments.

    :raises EvaluationError: if there are.
    """
    if arguments:
        raise EvaluationError("Expected no arguments")


def finite(value: Value) -> Value:
    """A value as it is.

    :raises OverflowError: if a number in it is infinite or none at all.
    """
    numbers = (value,) if isinstance(value, float) else value if isinstance(value, tuple) else ()
    if not all(map(math.isfinite, numbers)):
        raise OverflowError
    return value


def operate(symbol: str, left: Value, right: Value) -> Value:
    """What a binary operator makes of two values.

    :raises EvaluationError: if it does not take values of these types.
    """
    try:
        operation = _OPERATIONS[symbol, type(left), type(right)]
    except KeyError:
        operands = f"{type_name(left)} and {type_name(right)}"
        raise EvaluationError(f"Operator {symbol} does not take {operands}") from None
    return finite(operation(left, right))


def negative(value: Value) -> Value:
    """What the unary minus makes of a value.

    :raises EvaluationError: if it does not take a value of that type.
    """
    if isinstance(value, Interval):
        return Interval(-value.seconds)
    return -double(value)


def shown(value: Value) -> str:
    """A value as results show it."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    if isinstance(value, Interval):
        return f"{'-' if value.seconds < 0 else ''}{duration(abs(value.seconds))}"
    return str(value)


# -- the table of operators -------------------------------------------------------------------


def _with_each(operate: Callable[[float, float], float], left: Vector, right: float) -> Vector:
    return tuple(operate(element, right) for element in left)


def _in_pairs(operate: Callable[[float, float], float], left: Vector, right: Vector) -> Vector:
    if len(left) != len(right):
        raise EvaluationError(f"The vectors have {len(left)} and {len(right)} elements")
    return tuple(map(operate, left, right))


def _compared(compare: Callable[[Any, Any], bool], left: Value, right: Value) -> float:
    return float(compare(left, right))


def _later(time: datetime, interval: Interval) -> datetime:
    return time + timedelta(seconds=interval.seconds)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "!=": operator.ne,
}

# What is not here, such as a double before a doubleVec, the service's documentation does not have either.
_OPERATIONS: dict[tuple[str, type, type], Callable[[Any, Any], Value]] = {
    ("*", float, Interval): lambda factor, interval: Interval(factor * interval.seconds),
    ("*", Interval, float): lambda interval, factor: Interval(interval.seconds * factor),
    ("/", Interval, float): lambda interval, divisor: Interval(interval.seconds / divisor),
    ("+", Interval, Interval): lambda left, right: Interval(left.seconds + right.seconds),
    ("-", Interval, Interval): lambda left, right: Interval(left.seconds - right.seconds),
    ("+", Interval, datetime): lambda interval, time: _later(time, interval),
    ("+", datetime, Interval): _later,
    ("-", datetime, datetime): lambda left, right: Interval((left - right).total_seconds()),
}
for _symbol, _operate in _ARITHMETIC.items():
    _OPERATIONS[_symbol, float, float] = _operate
    _OPERATIONS[_symbol, tuple, float] = partial(_with_each, _operate)
    _OPERATIONS[_symbol, tuple, tuple] = partial(_in_pairs, _operate)
for _symbol, _compare in _COMPARISONS.items():
    for _type in (float, str, datetime, Interval):
        _OPERATIONS[_symbol, _type, _type] = partial(_compared, _compare)
