"""Which job's task starts next, and on which nodes: task slots, priorities, order of submission.

Pure bookkeeping: no clocks, no processes.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from enum import Enum
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Node = TypeVar("Node", bound=Hashable)


class Demand(NamedTuple):
    """What a task occupies while it runs."""

    slots: int
    gpus: int = 0
    nodes: int = 1
    """Nodes on each of which it occupies that much, at the same time."""
    barred: frozenset[Hashable] = frozenset()
    """Nodes where it may not run."""

    def fits(self, free: Demand) -> bool:
        """Whether one node has room for it."""
        return self.slots <= free.slots and self.gpus <= free.gpus


class Fill(Enum):
    """Which of the nodes that have room gets a task."""

    PACK = "pack"
    """The fullest one, so that others stay empty."""
    SPREAD = "spread"
    """The emptiest one."""


class Scheduler(Generic[Key, Node]):
    """Hands out the slots of nodes to keys (jobs, usually) that have tasks waiting.

    Higher priority first; within a priority, in the order of submission. A key whose tasks do not fit just
    now does not delay others: the next one whose tasks do fit goes ahead. A task that needs several nodes
    gets all of them at once or none.
    """

    def __init__(self, fill: Fill = Fill.PACK) -> None:
        self._fill = fill
        self._capacity: dict[Node, Demand] = {}
        self._free: dict[Node, Demand] = {}
        self._closed: set[Node] = set()
        # one heap for each size of task, so that choosing costs the number of sizes, not of jobs
        self._waiting: dict[Demand, list[tuple[float, int, Key]]] = {}
        self._listed: dict[Key, tuple[float, int, Key]] = {}

    # -- nodes ------------------------------------------------------------------------------

    def add_node(self, node: Node, capacity: Demand) -> None:
        """A node on which nothing runs yet; repeating it resets the node."""
        self._capacity[node] = self._free[node] = capacity

    def remove_node(self, node: Node) -> None:
        """A node has gone, with what ran there."""
        self._capacity.pop(node, None)
        self._free.pop(node, None)
        self._closed.discard(node)

    def knows(self, node: Node) -> bool:
        """Whether a node has been added and not removed."""
        return node in self._capacity

    def is_open(self, node: Node) -> bool:
        """Whether tasks may start on a node."""
        return node in self._capacity and node not in self._closed

    def open(self, node: Node) -> None:
        """Let tasks start on a node."""
        self._closed.discard(node)

    def close(self, node: Node) -> None:
        """Let no further task start on a node."""
        self._closed.add(node)

    def capacity(self, node: Node) -> Demand:
        """What a node has."""
        return self._capacity[node]

    def free(self, node: Node) -> Demand:
        """What nothing occupies on a node."""
        return self._free[node]

    # -- waiting keys --------------------------------------------------------------------------

    def wait(self, key: Key, demand: Demand, priority: float, order: int) -> None:
        """A key has tasks waiting. Repeating it changes nothing."""
        if key not in self._listed:
            entry = (-priority, order, key)
            self._listed[key] = entry
            heapq.heappush(self._waiting.setdefault(demand, []), entry)

    def done_waiting(self, key: Key) -> None:
        """A key has no more tasks waiting."""
        self._listed.pop(key, None)  # what is left in a heap is passed over when it comes first

    def next(self, ignoring_room: bool = False) -> Key | None:
        """The key whose task should start now, or None; its slots are not yet taken.

        :param ignoring_room: the key that would be first if there were room for any task.
        """
        heads = [entry for demand, entry in self._firsts().items() if ignoring_room or self._has_room(demand)]
        return min(heads)[2] if heads else None

    def in_turn(self) -> list[Key]:
        """Of each demand, the key that comes first; in their order, whether there is room or not."""
        return [key for _, _, key in sorted(self._firsts().values())]

    # -- room -------------------------------------------------------------------------------

    def place(self, demand: Demand, preferred: Node | None = None) -> list[Node]:
        """Nodes for a task that :meth:`next` has found room for.

        :param preferred: the one to choose if it has room.
        """
        sign = -1 if self._fill is Fill.SPREAD else 1
        rooms = [node for node in self._free if self._takes(node, demand)]
        rooms.sort(key=lambda node: (node != preferred, sign * self._free[node].slots))
        return rooms[: demand.nodes]

    def take(self, nodes: Iterable[Node], demand: Demand) -> None:
        """A task starts."""
        for node in nodes:
            free = self._free[node]
            self._free[node] = Demand(free.slots - demand.slots, free.gpus - demand.gpus)

    def give_back(self, nodes: Iterable[Node], demand: Demand) -> None:
        """A task has ended; a node that is gone takes nothing back."""
        for node in nodes:
            if node in self._free:
                free = self._free[node]
                self._free[node] = Demand(free.slots + demand.slots, free.gpus + demand.gpus)

    def _firsts(self) -> dict[Demand, tuple[float, int, Key]]:
        """By demand, the entry that comes first."""
        for demand, heap in list(self._waiting.items()):
            while heap and self._listed.get(heap[0][2]) is not heap[0]:
                heapq.heappop(heap)
            if not heap:
                del self._waiting[demand]
        return {demand: heap[0] for demand, heap in self._waiting.items()}

    def _has_room(self, demand: Demand) -> bool:
        rooms = (node for node in self._free if self._takes(node, demand))
        return len(list(islice(rooms, demand.nodes))) == demand.nodes

    def _takes(self, node: Node, demand: Demand) -> bool:
        return demand.fits(self._free[node]) and node not in self._closed and node not in demand.barred
