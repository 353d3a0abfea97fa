"""Why the evaluation of a formula ends before its last statement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from lark import Token


class EvaluationError(Exception):
    """A formula has no result. Its text says where and why."""

    code: ClassVar[str] = "AutoScalingFormulaEvaluationError"
    message: ClassVar[str] = "The specified auto-scaling formula has evaluation error"


class InsufficientSampleData(EvaluationError):
    """There are fewer samples than the formula wants."""

    code = "InsufficientSampleData"
    message = "Autoscale evaluation failed due to insufficient sample data"


class Stop(Exception):
    """The formula has called ``stop()``: what it has assigned so far is its result."""


@contextmanager
def located(token: Token) -> Iterator[None]:
    """Add the place in the formula to errors."""
    place = f"Line {token.line}, Col {token.column}"
    try:
        yield
    except EvaluationError as error:
        raise type(error)(f"{place}: {error}") from None
    except ZeroDivisionError:
        raise EvaluationError(f"{place}: Division by zero") from None
    except OverflowError:
        raise EvaluationError(f"{place}: The result is out of range") from None
