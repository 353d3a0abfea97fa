"""One pool: what clients ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import nodes as node_models
from azurebatch_emulator.protocol.models import pools as models
from azurebatch_emulator.state.node_life import ManagedNode
from azurebatch_emulator.state.pool_record import PoolAccount, PoolRecord
from azurebatch_emulator.state.pool_scaling import PoolScaling
from azurebatch_emulator.state.pool_size import PoolSize
from azurebatch_emulator.state.touch import touch

Deallocation = models.NodeDeallocationOption
_CHANGED_AT_ANY_TIME = {
    "application_package_references",
    "certificate_references",
    "metadata",
    "resource_tags",
    "start_task",
    "target_node_communication_mode",
}
"""All else can be changed only while the pool has no nodes."""


class Pool(PoolRecord):
    """A pool of the account."""

    def __init__(self, account: PoolAccount, resource: models.Pool) -> None:
        super().__init__(account, resource)
        self.size = PoolSize(self)
        self.scaling = PoolScaling(self, self.size)

    def begin(self) -> None:
        """Start the life of a new pool."""
        if self.scaling.is_enabled:
            self.scaling.begin()
        self.dispatcher.attach(self)
        self.size.begin(timeout=self.resource.resize_timeout)

    def resume(self, nodes: Iterable[node_models.Node]) -> None:
        """Go on where the last service was stopped; what ran on the nodes has been requeued."""
        self.dispatcher.attach(self)
        for resource in nodes:
            resource.running_tasks_count = resource.running_task_slots_count = 0
            node = ManagedNode(self, resource)
            self.nodes[node.key] = node
        if self.is_deleting:
            self.context.background.spawn(self._finish_deleting())
            return
        for node in self.nodes.values():
            if node.state is not node_models.NodeState.LEAVING_POOL:
                node.life.resume()
        self.size.resume()
        self.scaling.resume()

    # -- what clients ask of it --------------------------------------------------------------

    def change(self, **changes: object) -> None:
        """Set properties that a client has given.

        :raises BatchServiceError: if one of them cannot be changed now.
        """
        self.require_active()
        if self.nodes and not changes.keys() <= _CHANGED_AT_ANY_TIME:
            raise BatchServiceError("OperationInvalidForCurrentState")
        for name, value in changes.items():
            setattr(self.resource, name, value)
        models.fill_pool(self.resource)
        if not self.nodes:
            self.dispatcher.attach(self)  # its scheduling policy may have changed
        touch(self.resource)
        self.save()

    def resize(
        self,
        dedicated: int | None,
        low_priority: int | None,
        option: Deallocation | None,
        timeout: str | None,
    ) -> None:
        """Change its size.

        :raises BatchServiceError: if it is being resized, or sizes itself.
        """
        self.require_active()
        if self.scaling.is_enabled:
            raise BatchServiceError("OperationNotValidOnPool")
        self.size.require_steady()
        self.size.aim_at(dedicated, low_priority)
        touch(self.resource)
        self.size.begin(option, timeout=timeout)

    def stop_resize(self) -> None:
        """Stay at the size that was reached.

        :raises BatchServiceError: if nothing is to be stopped.
        """
        self.require_active()
        if self.resource.allocation_state is not models.AllocationState.RESIZING:
            raise BatchServiceError("OperationInvalidForCurrentState")
        self.size.stop()

    def remove_nodes(self, node_ids: Iterable[str], option: Deallocation | None, timeout: str | None) -> None:
        """Take nodes out, and make the pool so much smaller.

        :raises BatchServiceError: if one is none of its nodes, or the pool is being resized.
        """
        self.require_active()
        self.size.require_steady()
        leaving = [self.node(node_id) for node_id in dict.fromkeys(map(str.lower, node_ids))]
        dedicated = sum(bool(node.resource.is_dedicated) for node in leaving)
        self.size.aim_at(
            self.resource.current_dedicated_nodes - dedicated,
            self.resource.current_low_priority_nodes - (len(leaving) - dedicated),
        )
        touch(self.resource)
        self.size.begin(option, leaving, timeout)

    def delete(self) -> None:
        """Take all nodes down and forget the pool."""
        self.require_active()
        touch(self.resource)
        self.resource.state = models.PoolState.DELETING
        self.resource.state_transition_time = self.resource.last_modified
        self.scaling.end()
        self.size.aim_at_nothing()
        self.context.background.spawn(self._finish_deleting())

    # -- within -----------------------------------------------------------------------------

    async def _finish_deleting(self) -> None:
        await self.size.take_down()
        await asyncio.sleep(self.configuration.timings.pool_delete)
        self.account.forget_pool(self)
        self.context.execution.discard([self.directory])
