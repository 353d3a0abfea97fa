"""Pools: making, showing, resizing and deleting them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Literal

from azure.batch import BatchClient, models
from azure.core.exceptions import ResourceNotFoundError

from remotebatch import pools
from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.batch.values import lower
from remotebatch_azurebatch.pools.autoscale import autoscale_formula
from remotebatch_azurebatch.pools.facts import resize_errors
from remotebatch_azurebatch.pools.machines import container_machines
from remotebatch_azurebatch.pools.status import AzurePoolStatus, status_of
from remotebatch_azurebatch.pools.vm_sizes import vcpus_of
from remotebatch_azurebatch.settings import Registry

VM_SIZE = "Standard_D4s_v5"
"""Size of a new pool's nodes unless another is chosen."""
MAX_NODES = 10
"""Nodes that a new pool grows to unless another number is given."""

_MOST_SLOTS = 256
_INTERVAL = timedelta(minutes=5)
"""How often Azure evaluates the formula; it allows no less."""
_POLL = 1.0


class AzurePool(pools.Pool):
    """One pool of a Batch account, whether it exists yet or not.

    :param client: Microsoft's client of the Batch account.
    :param pool_id: its id.
    """

    def __init__(self, client: BatchClient, pool_id: str) -> None:
        self._client = client
        self.id = pool_id

    def show(self) -> AzurePoolStatus:
        """How it is set up and where it stands, at the cost of two requests, and one for each 1000 nodes."""
        with self._explained("looked at"):
            pool = self._client.get_pool(self.id)
            nodes = list(self._client.list_nodes(self.id, select=["state", "runningTaskSlotsCount"]))
        return status_of(pool, nodes)

    def create(
        self,
        *,
        vm_size: str = VM_SIZE,
        nodes: int | None = None,
        max_nodes: int = MAX_NODES,
        spot: bool = False,
        container_images: Sequence[str] = (),
        registry: Registry | None = None,
        slots: int | None = None,
        node_fill: Literal["pack", "spread"] = "pack",
    ) -> None:
        """Make it: Linux nodes that run containers.

        It has no managed identity, which only a template can give it: see ``remotebatch azure template``.

        :param vm_size: Azure's name of the nodes' size.
        :param nodes: a fixed number of nodes; by default it scales with its tasks, down to none.
        :param max_nodes: nodes that it never exceeds when it scales.
        :param spot: use spot nodes, which are cheaper and may be taken away at any time.
        :param container_images: images that each node pulls before its first task.
        :param registry: who pulls them, where their registry asks: a user, whose password
            ``remotebatch login registry`` has saved.
        :param slots: task slots a node, from 1 to 256; by default as many as the size has vCPUs.
        :param node_fill: fill one node before the next, or spread tasks over all.
        :raises InvalidSetting: if the slots are neither given nor known from the size's name, or if the
            registry asks for a managed identity.
        """
        count = slots or vcpus_of(vm_size)
        if count is None:
            raise InvalidSetting(
                f"vm_size={vm_size!r}: its name does not say how many vCPUs it has; add slots=… too"
            )
        options = models.BatchPoolCreateOptions(
            id=self.id,
            vm_size=vm_size,
            virtual_machine_configuration=container_machines(container_images, registry),
            task_slots_per_node=min(count, _MOST_SLOTS),
            task_scheduling_policy=models.BatchTaskSchedulingPolicy(node_fill_type=node_fill),
        )
        if nodes is None:
            options.enable_auto_scale = True
            options.auto_scale_formula = autoscale_formula(max_nodes, spot)
            options.auto_scale_evaluation_interval = _INTERVAL
        else:
            options.target_dedicated_nodes, options.target_low_priority_nodes = (
                (0, nodes) if spot else (nodes, 0)
            )
        with self._explained("made"):
            self._client.create_pool(options)

    def resize(
        self, dedicated: int | None = None, low_priority: int | None = None, *, wait: bool = False
    ) -> bool:
        """Ask for another number of nodes; a pool that scales by itself ceases to.

        An earlier resize that is still under way is waited for, as Azure takes only one at a time.

        :param dedicated: dedicated nodes; None leaves them as they are.
        :param low_priority: spot nodes; likewise.
        :param wait: return only when it has them.
        :returns: whether automatic scaling was on, and is off now.
        :raises InvalidSetting: if neither number is given.
        :raises ProviderError: with ``wait``, if it did not get them; the message says why.
        """
        if dedicated is None and low_priority is None:
            raise InvalidSetting("resize: say how many dedicated or low_priority nodes the pool is to have")
        with self._explained("resized"):
            before = self._client.get_pool(self.id, select=["id", "enableAutoScale", "allocationState"])
            if before.enable_auto_scale:
                self._client.disable_pool_auto_scale(self.id)
            self._until(lambda: self._allocation() == "steady")  # it refuses a second resize until then
            self._client.begin_resize_pool(
                self.id,
                models.BatchPoolResizeOptions(
                    target_dedicated_nodes=dedicated, target_low_priority_nodes=low_priority
                ),
            )
            if wait:
                self._until(lambda: self._allocation() == "steady")
                self._check_size()
        return bool(before.enable_auto_scale)

    def delete(self, *, wait: bool = False) -> None:
        """Delete it with all its nodes. Jobs on it stay, and wait for another pool of that id.

        :param wait: return only when it is gone.
        """
        with self._explained("deleted"):
            self._client.begin_delete_pool(self.id)
            if wait:
                self._until(lambda: not self._exists())

    def _explained(self, done: str) -> AbstractContextManager[None]:
        return translated(f"pool {self.id!r} cannot be {done}")

    def _allocation(self) -> str:
        return lower(self._client.get_pool(self.id, select=["id", "allocationState"]).allocation_state)

    def _exists(self) -> bool:
        try:
            self._client.get_pool(self.id, select=["id"])
        except ResourceNotFoundError:
            return False
        return True

    def _check_size(self) -> None:
        errors = resize_errors(self._client.get_pool(self.id))
        if errors:
            raise ProviderError(f"pool {self.id!r} did not get all nodes: {'; '.join(errors)}")

    @staticmethod
    def _until(done: Callable[[], bool]) -> None:
        while not done():
            time.sleep(_POLL)


class Pools(pools.PoolManager):
    """The pools of an environment.

    :param pool_ids: their ids, at least one.
    """

    def __init__(self, client: BatchClient, pool_ids: Sequence[str]) -> None:
        self._client = client
        self._pool_ids = pool_ids

    @property
    def default(self) -> AzurePool:
        """The environment's pool; of several, the first."""
        return AzurePool(self._client, self._pool_ids[0])
