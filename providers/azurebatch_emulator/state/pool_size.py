"""How many nodes a pool has, and how it comes to have as many as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import pools as models
from azurebatch_emulator.protocol.models.common import normal, now
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.state.node import new_node
from azurebatch_emulator.state.node_life import ManagedNode
from azurebatch_emulator.state.pool_record import PoolRecord

Allocation = models.AllocationState
Deallocation = models.NodeDeallocationOption
_USUAL_TIMEOUT = "PT15M"
_NO_TIMEOUT = "PT7M9.497S"  # 2**32 - 1 ticks of 100 ns: what Azure shows of a pool that is being deleted
_STOPPED = "Desired number of {kind} nodes could not be allocated due to a stop resize operation"
_NO_MORE = "The specified account has reached {kind} core quota"


class PoolSize:
    """The size of one pool: what it is, what it should be, and the resize that makes them equal."""

    def __init__(self, pool: PoolRecord) -> None:
        self._pool = pool
        self._resizing: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    @property
    def targets(self) -> tuple[int, int]:
        """How many dedicated and how many low-priority nodes there should be."""
        resource = self._pool.resource
        return resource.target_dedicated_nodes or 0, resource.target_low_priority_nodes or 0

    @property
    def is_steady(self) -> bool:
        """Whether no resize is under way."""
        return self._pool.resource.allocation_state is Allocation.STEADY

    def require_steady(self) -> None:
        """Check that no resize is under way.

        :raises BatchServiceError: if one is.
        """
        if not self.is_steady:
            raise BatchServiceError("PoolBeingResized")

    def aim_at(self, dedicated: int | None, low_priority: int | None) -> None:
        """Set the size that there should be; what is not given stays."""
        if dedicated is not None:
            self._pool.resource.target_dedicated_nodes = max(dedicated, 0)
        if low_priority is not None:
            self._pool.resource.target_low_priority_nodes = max(low_priority, 0)

    def begin(
        self,
        option: Deallocation | None = None,
        leaving: Iterable[ManagedNode] = (),
        timeout: str | None = None,
    ) -> None:
        """Begin a resize.

        :param option: what becomes of the tasks on nodes that go.
        :param leaving: nodes that are to go before all others.
        :param timeout: what the client allows for it; it is shown, and nothing takes so long here.
        """
        resource = self._pool.resource
        resource.resize_timeout = normal(timeout or _USUAL_TIMEOUT)
        resource.resize_errors = None
        self._stopped.clear()
        self._allocate(Allocation.RESIZING)
        self._resizing = self._pool.context.background.spawn(
            self._resize(option or Deallocation.REQUEUE, list(leaving))
        )

    def stop(self) -> None:
        """Have the resize that is under way stop where it is."""
        self._stopped.set()
        self._allocate(Allocation.STOPPING)

    def resume(self) -> None:
        """Go on with the resize that was under way when the last service was stopped."""
        if self.is_steady:
            return
        leaving = [node for node in self._pool.nodes.values() if node.state is NodeState.LEAVING_POOL]
        if self._pool.resource.allocation_state is Allocation.STOPPING:
            self._stopped.set()
            for node in leaving:
                node.life.resume()
        self._resizing = self._pool.context.background.spawn(self._resize(Deallocation.REQUEUE, leaving))

    def aim_at_nothing(self) -> None:
        """Set the size to nothing, since the pool is being deleted; a resize that is under way ends."""
        if self._resizing is not None:
            self._resizing.cancel()
        self.aim_at(0, 0)
        self._pool.resource.resize_timeout = _NO_TIMEOUT
        self._stopped.clear()
        self._allocate(Allocation.RESIZING)

    async def take_down(self) -> None:
        """Let all nodes go."""
        await self._let_go(list(self._pool.nodes.values()), Deallocation.REQUEUE)

    # -- within -----------------------------------------------------------------------------

    async def _resize(self, option: Deallocation, leaving: list[ManagedNode]) -> None:
        await asyncio.sleep(self._pool.configuration.timings.resize)
        if not self._stopped.is_set():
            for dedicated, target in zip((True, False), self.targets):
                staying = [node for node in self._nodes(dedicated) if node not in leaving]
                leaving += self._surplus(staying, target)
                self._grow(dedicated, min(target - len(staying), self._pool.account.room_for_nodes()))
            await self._let_go(leaving, option)
        self._pool.resource.resize_errors = list(self._missing()) or None
        self._count()
        self._allocate(Allocation.STEADY)

    async def _let_go(self, nodes: list[ManagedNode], option: Deallocation) -> None:
        self._count()
        await asyncio.gather(*(node.life.leave(option, self._stopped) for node in nodes))

    def _grow(self, dedicated: bool, count: int) -> None:
        for _ in range(count):
            pool = self._pool
            resource = new_node(pool.resource, dedicated, pool.account.next_address(), len(pool.nodes))
            node = ManagedNode(pool, resource)
            pool.nodes[node.key] = node
            node.save()
            node.life.begin()

    @staticmethod
    def _surplus(nodes: list[ManagedNode], target: int) -> list[ManagedNode]:
        """Those that go when there are too many: those that run least."""
        by_use = sorted(nodes, key=lambda node: (node.takes_tasks, node.resource.running_tasks_count or 0))
        return by_use[: max(len(nodes) - target, 0)]

    def _nodes(self, dedicated: bool) -> list[ManagedNode]:
        return [node for node in self._pool.nodes.values() if node.resource.is_dedicated is dedicated]

    def _missing(self) -> Iterable[models.ResizeError]:
        for dedicated, target in zip((True, False), self.targets):
            if len(self._nodes(dedicated)) < target:
                kind = "dedicated" if dedicated else "low priority"
                if self._stopped.is_set():
                    yield models.ResizeError(code="ResizeStopped", message=_STOPPED.format(kind=kind))
                else:
                    code = "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached"
                    yield models.ResizeError(code=code, message=_NO_MORE.format(kind=kind))

    def _count(self) -> None:
        self._pool.resource.current_dedicated_nodes = len(self._nodes(True))
        self._pool.resource.current_low_priority_nodes = len(self._nodes(False))

    def _allocate(self, state: Allocation) -> None:
        self._pool.resource.allocation_state = state
        self._pool.resource.allocation_state_transition_time = now()
        self._pool.save()
