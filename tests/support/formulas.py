"""Automatic scaling formulas, evaluated at a fixed time after a history of samples."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from azurebatch_emulator.autoscale.evaluation import DEALLOCATION, DEDICATED, LOW_PRIORITY, Evaluation
from azurebatch_emulator.autoscale.failures import EvaluationError
from azurebatch_emulator.autoscale.samples import PERIOD, Sample, Samples
from azurebatch_emulator.autoscale.syntax import parse
from azurebatch_emulator.autoscale.values import Value
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption

__all__ = ["BEFORE", "NOW", "error", "history", "value", "variables"]


NOW = datetime(2026, 11, 22, 8, 12, 30, 500_000, tzinfo=timezone.utc)  # a Sunday
BEFORE: dict[str, Value] = {
    DEDICATED: 2.0,
    LOW_PRIORITY: 0.0,
    DEALLOCATION: NodeDeallocationOption.REQUEUE,
}


def history(*active_tasks: int, **other: int) -> Samples:
    """One sample every 30 seconds, the last one at NOW."""
    samples = Samples()
    for age, count in zip(range(len(active_tasks) - 1, -1, -1), active_tasks):
        samples.add(Sample(NOW.timestamp() - age * PERIOD, count, **other))
    return samples


def variables(formula: str, samples: Samples | None = None) -> dict[str, Value]:
    """All variables after a formula."""
    evaluation = Evaluation(BEFORE, samples or history(0), NOW)
    evaluation.run(parse(formula))
    return evaluation.variables


def value(expression: str, samples: Samples | None = None) -> Value:
    """The value of an expression."""
    return variables(f"x = {expression};", samples)["x"]


def error(formula: str, samples: Samples | None = None) -> str:
    """The error of a formula that has to fail."""
    with pytest.raises(EvaluationError) as caught:
        variables(formula, samples)
    return str(caught.value)
