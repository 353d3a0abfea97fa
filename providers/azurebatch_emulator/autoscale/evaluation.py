"""What the statements of a formula come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType

from lark import Token, Tree
from lark.visitors import Interpreter

from azurebatch_emulator.autoscale import metrics
from azurebatch_emulator.autoscale.failures import EvaluationError, Stop, located
from azurebatch_emulator.autoscale.functions import functions
from azurebatch_emulator.autoscale.metrics import Metrics
from azurebatch_emulator.autoscale.samples import Samples
from azurebatch_emulator.autoscale.values import (
    CONSTANTS,
    Value,
    double,
    finite,
    negative,
    operate,
    type_name,
)
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption

DEDICATED = "$TargetDedicatedNodes"
LOW_PRIORITY = "$TargetLowPriorityNodes"
DEALLOCATION = "$NodeDeallocationOption"
WRITABLE: Mapping[str, type] = MappingProxyType(
    {DEDICATED: float, LOW_PRIORITY: float, DEALLOCATION: NodeDeallocationOption}
)
"""The variables that are the formula's result, in the order in which it is shown, and their types."""

_ALIASES = {"$TargetDedicated": DEDICATED, "$TargetLowPriority": LOW_PRIORITY}
_MEMBERS = {"year", "month", "day", "hour", "minute", "second"}
_MOST_NODES = 2**31


class Evaluation(Interpreter[Token, Value]):
    """One evaluation of a formula.

    :param variables: those that have a value before it.
    """

    def __init__(self, variables: Mapping[str, Value], samples: Samples, now: datetime) -> None:
        self.variables = dict(variables)
        """All that have a value, the user's own among them."""
        self._assigned: set[str] = set()
        self._functions = functions(now)
        self._metrics = Metrics(samples, now)

    def run(self, statements: Iterable[Tree[Token]]) -> None:
        """Evaluate the statements of a formula.

        :raises EvaluationError: if one of them has no value.
        """
        try:
            for statement in statements:
                self.visit(statement)
        except Stop:
            pass
        except RecursionError:
            raise EvaluationError("The formula is nested too deeply") from None

    # -- statements -------------------------------------------------------------------------

    def assignment(self, tree: Tree[Token]) -> Value:
        """``name = expression``."""
        name, expression = _token(tree, 0), _tree(tree, 1)
        value = self.visit(expression)
        with located(name):
            self._assign(str(name), value)
        return value

    def _assign(self, name: str, value: Value) -> None:
        if name in metrics.NAMES or name in CONSTANTS:
            raise EvaluationError(f"{name} cannot be assigned")
        variable = _ALIASES.get(name, name)
        if variable in WRITABLE and not isinstance(value, WRITABLE[variable]):
            raise EvaluationError(f"{name} does not take {type_name(value)}")
        if variable in (DEDICATED, LOW_PRIORITY) and double(value) >= _MOST_NODES:
            raise EvaluationError(f"{name} is too large")
        if name == variable or variable not in self._assigned:  # the full name goes before its alias
            self.variables[variable] = value
        self._assigned.add(name)

    # -- operators --------------------------------------------------------------------------

    def conditional(self, tree: Tree[Token]) -> Value:
        """``test ? value : other``; only one of the two is evaluated."""
        test = self._test(_tree(tree, 0), _token(tree, 1))
        return self.visit(_tree(tree, 2 if test else 3))

    def either(self, tree: Tree[Token]) -> Value:
        """``left || right``."""
        left, operator, right = _tree(tree, 0), _token(tree, 1), _tree(tree, 2)
        return float(self._test(left, operator) or self._test(right, operator))

    def both(self, tree: Tree[Token]) -> Value:
        """``left && right``."""
        left, operator, right = _tree(tree, 0), _token(tree, 1), _tree(tree, 2)
        return float(self._test(left, operator) and self._test(right, operator))

    def operation(self, tree: Tree[Token]) -> Value:
        """An arithmetic operation or a comparison."""
        left, operator, right = self.visit(_tree(tree, 0)), _token(tree, 1), self.visit(_tree(tree, 2))
        with located(operator):
            return operate(str(operator), left, right)

    def negative(self, tree: Tree[Token]) -> Value:
        """``-value``."""
        value = self.visit(_tree(tree, 1))
        with located(_token(tree, 0)):
            return negative(value)

    def inverse(self, tree: Tree[Token]) -> Value:
        """``!value``."""
        return float(not self._test(_tree(tree, 1), _token(tree, 0)))

    def _test(self, tree: Tree[Token], operator: Token) -> bool:
        value = self.visit(tree)
        with located(operator):
            return double(value) != 0

    # -- operands ---------------------------------------------------------------------------

    def member(self, tree: Tree[Token]) -> Value:
        """``timestamp.member``."""
        value, name = self.visit(_tree(tree, 0)), _token(tree, 1)
        with located(name):
            if isinstance(value, datetime) and name in _MEMBERS:
                return float(getattr(value, name))
            if isinstance(value, datetime) and name == "weekday":
                return float(value.isoweekday())
            raise EvaluationError(f"Undefined symbol: {name}")

    def method(self, tree: Tree[Token]) -> Value:
        """``$Metric.Method(…)``."""
        metric, name, opening = _tree(tree, 0), _token(tree, 1), _token(tree, 2)
        arguments = self._arguments(tree)
        with located(name):
            if metric.data != "symbol" or metric.children[0] not in metrics.NAMES:
                raise EvaluationError(f"Undefined symbol: {name}")
        with located(opening):
            return finite(self._metrics.call(str(metric.children[0]), str(name), arguments))

    def call(self, tree: Tree[Token]) -> Value:
        """``function(…)``."""
        name, opening = _token(tree, 0), _token(tree, 1)
        with located(name):
            if name not in self._functions:
                raise EvaluationError(f"Undefined symbol: {name}")
        arguments = self._arguments(tree)
        with located(opening):
            return finite(self._functions[name](arguments))

    def symbol(self, tree: Tree[Token]) -> Value:
        """The name of a variable, a constant or a metric."""
        name = _token(tree, 0)
        with located(name):
            if name in metrics.NAMES:
                return self._metrics.number(name)
            for known in (self.variables, CONSTANTS):
                if (value := known.get(_ALIASES.get(name, name))) is not None:
                    return value
            raise EvaluationError(f"Undefined symbol: {name}")

    def number(self, tree: Tree[Token]) -> Value:
        """A double."""
        with located(_token(tree, 0)):
            return finite(float(_token(tree, 0)))

    def string(self, tree: Tree[Token]) -> Value:
        """A text in double quotes."""
        return str(_token(tree, 0))[1:-1]

    def _arguments(self, tree: Tree[Token]) -> list[Value]:
        return [self.visit(argument) for argument in _tree(tree, -1).children if isinstance(argument, Tree)]


def _tree(tree: Tree[Token], index: int) -> Tree[Token]:
    child = tree.children[index]
    assert isinstance(child, Tree)
    return child


def _token(tree: Tree[Token], index: int) -> Token:
    child = tree.children[index]
    assert isinstance(child, Token)
    return child
