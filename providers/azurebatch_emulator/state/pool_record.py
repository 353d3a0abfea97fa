"""One pool as it is: its resource and its nodes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import pools as models
from azurebatch_emulator.protocol.models.containers import ContainerConfiguration, ContainerRegistry
from azurebatch_emulator.state.configuration import AccountConfiguration
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.execution import Dispatcher
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.node_life import ManagedNode


class Workload(NamedTuple):
    """How many tasks the jobs of a pool have."""

    active: int
    """Tasks that could start, counted by the nodes that they need."""
    running: int
    succeeded: int
    failed: int


class PoolAccount(Protocol):
    """The account, as a pool sees it."""

    context: Context

    def room_for_nodes(self) -> int:
        """How many more nodes all pools together may have."""

    def next_address(self) -> str:
        """An IP address for a new node."""

    def workload(self, pool_key: str) -> Workload:
        """The tasks of a pool's jobs."""

    def retained_until(self, node: Node) -> float:
        """When the last file of a task that ran on a node may go, in seconds since 1970."""

    def forget_pool(self, pool: PoolRecord) -> None:
        """A pool is gone."""


class PoolRecord:
    """The resource and the nodes of a pool."""

    def __init__(self, account: PoolAccount, resource: models.Pool) -> None:
        self.account = account
        self.resource = resource
        self.nodes: dict[str, ManagedNode] = {}

    @property
    def context(self) -> Context:
        """What everything in the account shares."""
        return self.account.context

    @property
    def configuration(self) -> AccountConfiguration:
        """How the account is set up."""
        return self.context.configuration

    @property
    def key(self) -> str:
        """Its id as it is compared: case does not matter."""
        return self.resource.id.lower()

    @property
    def directory(self) -> str:
        """Where its nodes have their directories."""
        return os.path.join(self.configuration.data, "nodes", self.key)

    @property
    def dispatcher(self) -> Dispatcher:
        """What starts tasks on its nodes."""
        return self.context.execution.dispatcher(self.resource.id)

    @property
    def is_deleting(self) -> bool:
        """Whether it is going away."""
        return self.resource.state is models.PoolState.DELETING

    @property
    def runs_containers(self) -> bool:
        """Whether its nodes are prepared for tasks in containers."""
        return self._containers is not None

    @property
    def container_registries(self) -> Sequence[ContainerRegistry]:
        """Where its nodes get images from."""
        return (self._containers.container_registries if self._containers else None) or ()

    def node(self, node_id: str) -> ManagedNode:
        """One of its nodes.

        :raises BatchServiceError: if there is none of that id.
        """
        try:
            return self.nodes[node_id.lower()]
        except KeyError:
            raise BatchServiceError("NodeNotFound") from None

    def require_active(self) -> None:
        """Check that it is not going away.

        :raises BatchServiceError: if it is.
        """
        if self.is_deleting:
            raise BatchServiceError("PoolBeingDeleted")

    def save(self) -> None:
        """Record the pool itself."""
        self.context.ledger.save("pool", self.key, self.resource)

    def save_node(self, node: Node) -> None:
        """Record a node."""
        self.context.ledger.save("node", f"{self.key}/{node.key}", node.resource)

    def retained_until(self, node: Node) -> float:
        """When the last file of a task that ran on a node may go, in seconds since 1970."""
        return self.account.retained_until(node)

    def forget(self, node: Node) -> None:
        """A node is gone."""
        self.dispatcher.remove(node)
        del self.nodes[node.key]
        self.context.ledger.remove("node", f"{self.key}/{node.key}")
        self.context.execution.discard([node.root])

    @property
    def _containers(self) -> ContainerConfiguration | None:
        machines = self.resource.virtual_machine_configuration
        return machines.container_configuration if machines is not None else None
