"""The variables that a formula can only read, and their methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from operator import attrgetter

from azurebatch_emulator.autoscale.failures import EvaluationError, InsufficientSampleData
from azurebatch_emulator.autoscale.samples import PERIOD, Sample, Samples
from azurebatch_emulator.autoscale.values import Interval, Value, double, require_nothing, type_name

_METRICS: dict[str, Callable[[Sample], int]] = {
    "$ActiveTasks": attrgetter("active_tasks"),
    "$RunningTasks": attrgetter("running_tasks"),
    "$PendingTasks": attrgetter("pending_tasks"),
    "$SucceededTasks": attrgetter("succeeded_tasks"),
    "$FailedTasks": attrgetter("failed_tasks"),
    "$SampleNodeCount": attrgetter("nodes"),
    "$CurrentDedicatedNodes": attrgetter("dedicated_nodes"),
    "$CurrentDedicated": attrgetter("dedicated_nodes"),
    "$CurrentLowPriorityNodes": attrgetter("low_priority_nodes"),
    "$PreemptedNodeCount": attrgetter("preempted_nodes"),
    "$TaskSlotsPerNode": attrgetter("task_slots_per_node"),
}
_NUMBERS = {
    "$CurrentDedicatedNodes",
    "$CurrentDedicated",
    "$CurrentLowPriorityNodes",
    "$PreemptedNodeCount",
    "$TaskSlotsPerNode",
}
"""Those that stand for their present value where no method is called."""
_UNMEASURED = {
    "$CPUPercent",
    "$WallClockSeconds",
    "$MemoryBytes",
    "$DiskBytes",
    "$DiskReadBytes",
    "$DiskWriteBytes",
    "$DiskReadOps",
    "$DiskWriteOps",
    "$NetworkInBytes",
    "$NetworkOutBytes",
}

NAMES = _METRICS.keys() | _UNMEASURED


class Metrics:
    """The metrics of one pool, as a formula finds them.

    :param samples: of the pool, the present among them.
    """

    def __init__(self, samples: Samples, now: datetime) -> None:
        self._samples = samples
        self._now = now
        self._methods: dict[str, Callable[[str, Sequence[Value]], Value]] = {
            "Count": self._count,
            "GetSample": self._sample,
            "GetSamplePercent": self._percent,
            "GetSamplePeriod": self._period,
            "HistoryBeginTime": self._begin,
        }

    def number(self, name: str) -> float:
        """The present value of a metric.

        :raises EvaluationError: if it is one of those that have samples only.
        """
        _require_measured(name)
        if name not in _NUMBERS:
            raise EvaluationError(f"{name} is not a double, use its GetSample")
        return float(_METRICS[name](self._samples.latest(1)[0]))

    def call(self, name: str, method: str, arguments: Sequence[Value]) -> Value:
        """What a method of a metric returns.

        :raises EvaluationError: if there is no such method, or it takes no such arguments.
        """
        _require_measured(name)
        if method not in self._methods:
            raise EvaluationError(f"Undefined symbol: {method}")
        return self._methods[method](name, arguments)

    def _sample(self, name: str, arguments: Sequence[Value]) -> Value:
        match arguments:
            case [float(count)]:
                samples = self._samples.latest(int(count))
            case [start]:
                samples, _ = self._between(start, self._now)
            case [start, (datetime() | Interval()) as end]:
                samples, _ = self._between(start, end)
            case [start, wanted]:
                samples = self._enough(name, start, self._now, double(wanted))
            case [start, end, wanted]:
                samples = self._enough(name, start, end, double(wanted))
            case _:
                raise EvaluationError("Expected a count, or times and a percentage")
        return tuple(float(_METRICS[name](sample)) for sample in samples)

    def _percent(self, name: str, arguments: Sequence[Value]) -> Value:
        match arguments:
            case [start]:
                return self._between(start, self._now)[1]
            case [start, end]:
                return self._between(start, end)[1]
        raise EvaluationError("Expected one or two times")

    def _period(self, name: str, arguments: Sequence[Value]) -> Value:
        require_nothing(arguments)
        return Interval(PERIOD)

    def _count(self, name: str, arguments: Sequence[Value]) -> Value:
        require_nothing(arguments)
        return float(len(self._samples))

    def _begin(self, name: str, arguments: Sequence[Value]) -> Value:
        require_nothing(arguments)
        oldest = self._samples.latest(len(self._samples))[0]
        return datetime.fromtimestamp(oldest.time, timezone.utc)

    def _enough(self, name: str, start: Value, end: Value, wanted: float) -> list[Sample]:
        samples, percent = self._between(start, end)
        if percent < wanted:
            raise InsufficientSampleData(
                f"Insufficient data from data set: {name} wanted {wanted:g}%, received {percent:g}%"
            )
        return samples

    def _between(self, one: Value, other: Value) -> tuple[list[Sample], float]:
        """The samples between two times in any order, and how many percent of all possible ones they are."""
        start, end = sorted((self._moment(one), self._moment(other)))
        samples = self._samples.between(start, end)
        possible = max(round(end - start, 3) // PERIOD, 1)
        return samples, min(100 * len(samples) / possible, 100.0)

    def _moment(self, value: Value) -> float:
        """A time in seconds since 1970; an interval is one back from now."""
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, Interval):
            return self._now.timestamp() - value.seconds
        raise EvaluationError(f"Expected timestamp or timeinterval, got {type_name(value)}")


def _require_measured(name: str) -> None:
    if name in _UNMEASURED:
        raise EvaluationError(f"The emulator does not measure {name}")
