"""The samples of a pool that formulas read: how it looked at moments in the past."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from operator import attrgetter
from typing import NamedTuple

PERIOD = 30.0
"""Seconds from one sample to the next."""
_KEPT = int(24 * 3600 / PERIOD)


class Sample(NamedTuple):
    """A pool at one moment."""

    time: float
    """When, in seconds since 1970."""
    active_tasks: int = 0
    """Tasks that could start, counted by the nodes that they need."""
    running_tasks: int = 0
    succeeded_tasks: int = 0
    failed_tasks: int = 0
    nodes: int = 0
    dedicated_nodes: int = 0
    low_priority_nodes: int = 0
    preempted_nodes: int = 0
    task_slots_per_node: int = 1

    @property
    def pending_tasks(self) -> int:
        """Tasks that could start or have started."""
        return self.active_tasks + self.running_tasks


class Samples:
    """The samples of one pool over the last day, oldest first: one for each 30 seconds at the most."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=_KEPT)

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: Sample) -> None:
        """Add the newest sample; it replaces an earlier one of the same 30 seconds."""
        while self._samples and self._samples[-1].time // PERIOD >= sample.time // PERIOD:
            self._samples.pop()  # also the later ones, should the clock have been set back
        self._samples.append(sample)

    def latest(self, count: int) -> list[Sample]:
        """The last samples: so many, or all if there are fewer."""
        return list(self._samples)[max(len(self._samples) - count, 0) :]

    def between(self, start: float, end: float) -> list[Sample]:
        """The samples of a span of time, both ends included."""
        samples = list(self._samples)
        first = bisect_left(samples, start, key=attrgetter("time"))
        return samples[first : bisect_right(samples, end, key=attrgetter("time"))]
