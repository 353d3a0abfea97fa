"""Automatic scaling: formulas that say how many nodes a pool is to have.

The language is the one that Azure's documentation describes. What the emulator cannot know, such as how
busy the processors of a node are, is an error of the evaluation and says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from azurebatch_emulator.autoscale.evaluation import (
    DEALLOCATION,
    DEDICATED,
    LOW_PRIORITY,
    WRITABLE,
    Evaluation,
)
from azurebatch_emulator.autoscale.failures import EvaluationError
from azurebatch_emulator.autoscale.samples import Samples
from azurebatch_emulator.autoscale.syntax import parse
from azurebatch_emulator.autoscale.values import Value, double, shown
from azurebatch_emulator.protocol.models.common import NameValuePair, now
from azurebatch_emulator.protocol.models.pools import AutoScaleRun, AutoScaleRunError, NodeDeallocationOption

if TYPE_CHECKING:
    from azurebatch_emulator.state.pool import Pool

__all__ = ["Samples", "check", "deallocation_option", "evaluate", "targets"]

_RESULTS = re.compile(
    rf"{re.escape(DEDICATED)}=(\d+);{re.escape(LOW_PRIORITY)}=(\d+);{re.escape(DEALLOCATION)}=(\w+)"
)


def check(formula: str) -> None:
    """See that a formula can be read; whether it can be evaluated is another matter.

    :raises BatchServiceError: if it cannot.
    """
    parse(formula)


def evaluate(formula: str, pool: Pool, samples: Samples | None = None) -> AutoScaleRun:
    """What a formula says of a pool now.

    :param samples: of the pool's past, where the present is noted, too; without them there is no past.
    :raises BatchServiceError: if the formula cannot be read.
    """
    statements, timestamp = parse(formula), now()
    samples = Samples() if samples is None else samples
    samples.note(pool)
    before: dict[str, Value] = {
        DEDICATED: float(pool.resource.target_dedicated_nodes or 0),
        LOW_PRIORITY: float(pool.resource.target_low_priority_nodes or 0),
        DEALLOCATION: NodeDeallocationOption.REQUEUE,
    }
    evaluation = Evaluation(before, samples, datetime.now(timezone.utc))
    try:
        evaluation.run(statements)
    except EvaluationError as error:
        values = [NameValuePair(name="Message", value=str(error))]
        told = AutoScaleRunError(code=error.code, message=error.message, values=values)
        return AutoScaleRun(timestamp=timestamp, results=_results(before), error=told)
    return AutoScaleRun(timestamp=timestamp, results=_results(evaluation.variables))


def targets(run: AutoScaleRun) -> tuple[int, int]:
    """How many dedicated and low-priority nodes an evaluation asks for."""
    dedicated, low_priority, _ = _parts(run)
    return int(dedicated), int(low_priority)


def deallocation_option(run: AutoScaleRun) -> NodeDeallocationOption:
    """What an evaluation wants done with the tasks of nodes that go."""
    return NodeDeallocationOption(_parts(run)[2])


def _results(variables: Mapping[str, Value]) -> str:
    """Variables as the service tells them: what the pool shall do, then the user's own by name."""
    nodes = {name: str(max(int(double(variables[name])), 0)) for name in (DEDICATED, LOW_PRIORITY)}
    own = sorted(variables.keys() - WRITABLE)
    return ";".join(f"{name}={nodes.get(name) or shown(variables[name])}" for name in [*WRITABLE, *own])


def _parts(run: AutoScaleRun) -> tuple[str, ...]:
    match = _RESULTS.match(run.results or "")
    assert match is not None  # every evaluation tells its results
    return match.groups()
