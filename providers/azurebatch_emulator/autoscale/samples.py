"""What a pool looked like at moments in the past: the samples that formulas are made of."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.protocol.models.tasks import TaskState

if TYPE_CHECKING:
    from azurebatch_emulator.state.job import Job
    from azurebatch_emulator.state.pool import Pool

PERIOD = 30.0
"""Seconds from one sample to the next."""
_KEPT = int(24 * 3600 / PERIOD)


class Sample(NamedTuple):
    """A pool at one moment."""

    time: float
    """When, in seconds since 1970."""
    active_tasks: int = 0
    """Tasks that could start, by the nodes that they want."""
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

    async def keep(self, pool: Pool) -> None:
        """Note what the pool looks like from time to time, for ever."""
        while True:
            self.note(pool)
            await asyncio.sleep(PERIOD)

    def note(self, pool: Pool) -> None:
        """Note what the pool looks like now."""
        self.add(_present(pool))

    def add(self, sample: Sample) -> None:
        """Take the newest sample; of those in the same 30 seconds the last one counts."""
        while self._samples and self._samples[-1].time // PERIOD >= sample.time // PERIOD:
            self._samples.pop()  # also the later ones, should the clock have been set back
        self._samples.append(sample)

    def latest(self, count: int) -> list[Sample]:
        """The last samples, so many or as many as there are."""
        return list(self._samples)[max(len(self._samples) - count, 0) :]

    def between(self, start: float, end: float) -> list[Sample]:
        """The samples of a span of time, both ends included."""
        samples = list(self._samples)
        first = bisect_left(samples, start, key=attrgetter("time"))
        return samples[first : bisect_right(samples, end, key=attrgetter("time"))]


def _present(pool: Pool) -> Sample:
    resource = pool.resource
    jobs = [job for job in pool.account.jobs.values() if job.pool_id.lower() == pool.key]
    counts = [job.counts.told().task_counts for job in jobs]
    return Sample(
        time=time.time(),
        active_tasks=sum(map(_wanted_nodes, jobs)),
        running_tasks=sum(count.running for count in counts),
        succeeded_tasks=sum(count.succeeded for count in counts),
        failed_tasks=sum(count.failed for count in counts),
        nodes=len(pool.nodes),
        dedicated_nodes=resource.current_dedicated_nodes,
        low_priority_nodes=resource.current_low_priority_nodes,
        preempted_nodes=sum(node.state is NodeState.PREEMPTED for node in pool.nodes.values()),
        task_slots_per_node=resource.task_slots_per_node or 1,
    )


def _wanted_nodes(job: Job) -> int:
    """Tasks that could start if there were room; one of several instances counts once for each."""
    if not job.is_active or job.counts.told().task_counts.active == 0:
        return 0
    return sum(
        task.instances
        for task in job.tasks.values()
        if task.state is TaskState.ACTIVE and not task.dependencies_left
    )
