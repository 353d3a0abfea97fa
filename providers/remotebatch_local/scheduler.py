"""Who is next: task slots, priorities, first come first served. Pure bookkeeping, no clocks, no processes."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import NamedTuple

from remotebatch.errors import ProviderError


class Demand(NamedTuple):
    """What a task occupies while it runs."""

    slots: int
    gpus: int = 0

    def fits(self, free: Demand) -> bool:
        """Whether there is room for it."""
        return self.slots <= free.slots and self.gpus <= free.gpus


class Scheduler:
    """Hands out a node's slots to jobs that have tasks waiting.

    Higher priority first; within a priority, in the order of submission. A job whose tasks do not
    fit just now holds up nobody: the next one whose tasks do goes ahead.
    """

    def __init__(self, capacity: Demand) -> None:
        self.capacity = capacity
        self.free = capacity
        # one heap for each size of task, so that choosing costs the number of sizes, not of jobs
        self._waiting: dict[Demand, list[tuple[float, int, Hashable]]] = {}
        self._listed: set[Hashable] = set()

    def require_room(self, demand: Demand) -> None:
        """Refuse what can never fit.

        :raises ProviderError: naming what there is.
        """
        if demand.slots > self.capacity.slots:
            raise ProviderError(
                f"vcpu_count={demand.slots} can never run here: the pool has {self.capacity.slots} slots; "
                f'ask for less, or for more slots with SubmissionEnvironment("Local", slots=…)'
            )
        if demand.gpus > self.capacity.gpus:
            raise ProviderError(
                f"gpu_count={demand.gpus} can never run here: the pool has {self.capacity.gpus} GPUs; "
                f'if the machine has more, say so with SubmissionEnvironment("Local", gpus=…)'
            )

    def wait(self, key: Hashable, demand: Demand, priority: float, order: int) -> None:
        """A job has tasks waiting. Repeating it changes nothing."""
        if key not in self._listed:
            self._listed.add(key)
            heapq.heappush(self._waiting.setdefault(demand, []), (-priority, order, key))

    def next(self, ignoring_room: bool = False) -> Hashable | None:
        """The job whose task should start now, or None; its slots are not yet taken.

        :param ignoring_room: the job that would be first if there were room for any.
        """
        heads = [
            heap[0]
            for demand, heap in self._waiting.items()
            if heap and (ignoring_room or demand.fits(self.free))
        ]
        return min(heads)[2] if heads else None

    def done_waiting(self, key: Hashable) -> None:
        """The job that :meth:`next` named has no tasks waiting any more."""
        for heap in self._waiting.values():
            if heap and heap[0][2] == key:
                heapq.heappop(heap)
                self._listed.discard(key)
                return

    def take(self, demand: Demand) -> None:
        """A task starts."""
        self.free = Demand(self.free.slots - demand.slots, self.free.gpus - demand.gpus)

    def give_back(self, demand: Demand) -> None:
        """A task has ended."""
        self.free = Demand(self.free.slots + demand.slots, self.free.gpus + demand.gpus)

    def resize(self, capacity: Demand) -> None:
        """Change the capacity of a pool in which nothing runs or waits."""
        self.capacity = self.free = capacity
