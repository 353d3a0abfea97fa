"""Automatic scaling: formulas that compute how many nodes a pool should have.

A library of its own: it is given the samples of a pool and evaluates formulas. The language is the one
that Azure's documentation describes. What the emulator cannot measure, such as the load of a node's
processors, is an evaluation error with a message of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

from azurebatch_emulator.autoscale.evaluation import (
    DEALLOCATION,
    DEDICATED,
    LOW_PRIORITY,
    WRITABLE,
    Evaluation,
)
from azurebatch_emulator.autoscale.failures import EvaluationError
from azurebatch_emulator.autoscale.samples import PERIOD, Sample, Samples
from azurebatch_emulator.autoscale.syntax import parse
from azurebatch_emulator.autoscale.values import Value, double, shown
from azurebatch_emulator.protocol.models.common import NameValuePair, now
from azurebatch_emulator.protocol.models.pools import AutoScaleRun, AutoScaleRunError, NodeDeallocationOption

__all__ = ["PERIOD", "Sample", "Samples", "check", "deallocation_option", "evaluate", "targets"]

_RESULTS = re.compile(
    rf"{re.escape(DEDICATED)}=(\d+);{re.escape(LOW_PRIORITY)}=(\d+);{re.escape(DEALLOCATION)}=(\w+)"
)


def check(formula: str) -> None:
    """Check that a formula can be parsed; evaluating it may fail nevertheless.

    :raises BatchServiceError: if it cannot be parsed.
    """
    parse(formula)


def evaluate(formula: str, targets: tuple[int, int], samples: Samples) -> AutoScaleRun:
    """Evaluate a formula.

    :param targets: the dedicated and the low-priority nodes that the pool should have so far.
    :param samples: of the pool, the present one included.
    :raises BatchServiceError: if the formula cannot be parsed.
    """
    statements, timestamp = parse(formula), now()
    before: dict[str, Value] = {
        DEDICATED: float(targets[0]),
        LOW_PRIORITY: float(targets[1]),
        DEALLOCATION: NodeDeallocationOption.REQUEUE,
    }
    evaluation = Evaluation(before, samples, datetime.now(timezone.utc))
    try:
        evaluation.run(statements)
    except EvaluationError as error:
        values = [NameValuePair(name="Message", value=str(error))]
        failure = AutoScaleRunError(code=error.code, message=error.message, values=values)
        return AutoScaleRun(timestamp=timestamp, results=_results(before), error=failure)
    return AutoScaleRun(timestamp=timestamp, results=_results(evaluation.variables))


def targets(run: AutoScaleRun) -> tuple[int, int]:
    """The numbers of dedicated and low-priority nodes that an evaluation asks for."""
    dedicated, low_priority, _ = _parts(run)
    return int(dedicated), int(low_priority)


def deallocation_option(run: AutoScaleRun) -> NodeDeallocationOption:
    """What an evaluation asks for the tasks of removed nodes."""
    return NodeDeallocationOption(_parts(run)[2])


def _results(variables: Mapping[str, Value]) -> str:
    """Variables as the service shows them: those that size the pool, then the user's own by name."""
    nodes = {name: str(max(int(double(variables[name])), 0)) for name in (DEDICATED, LOW_PRIORITY)}
    own = sorted(variables.keys() - WRITABLE)
    return ";".join(f"{name}={nodes.get(name) or shown(variables[name])}" for name in [*WRITABLE, *own])


def _parts(run: AutoScaleRun) -> tuple[str, ...]:
    match = _RESULTS.match(run.results or "")
    assert match is not None  # every evaluation has results
    return match.groups()
