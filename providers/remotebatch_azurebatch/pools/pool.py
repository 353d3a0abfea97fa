"""Pools: what one looks like, and making, resizing and deleting it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from azure.batch import BatchClient, models
from azure.core.exceptions import ResourceNotFoundError

from remotebatch import pools
from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.clients import translated
from remotebatch_azurebatch.accounts.credentials import registry_password
from remotebatch_azurebatch.pools.preflight import facts_of, plain, resize_errors, vcpus_of
from remotebatch_azurebatch.settings import Registry

VM_SIZE = "Standard_D4s_v5"
"""Size of a new pool's nodes unless another is chosen."""
MAX_NODES = 10
"""Nodes that a new pool grows to unless told otherwise."""

# an image of Microsoft's that brings a container engine, and the GPU drivers
_PUBLISHER, _OFFER, _SKU = "microsoft-dsvm", "ubuntu-hpc", "2404"
_NODE_AGENT = "batch.node.ubuntu 24.04"

_MOST_SLOTS = 256
_INTERVAL = timedelta(minutes=5)
"""How often Azure evaluates the formula; it allows no less."""
_POLL = 1.0
_AT_WORK = ("idle", "running")

_FORMULA = """\
window = TimeInterval_Minute * 5;
known = $PendingTasks.GetSamplePercent(window) >= 50;
waiting = known ? max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(window))) \
: max(0, $PendingTasks.GetSample(1));
wanted = (waiting + $TaskSlotsPerNode - 1) / $TaskSlotsPerNode;
{target} = min({max_nodes}, wanted);
{other} = 0;
$NodeDeallocationOption = taskcompletion;
"""


def autoscale_formula(max_nodes: int, spot: bool = False) -> str:
    """The formula by which a pool has nodes while it has tasks, and none otherwise.

    :param max_nodes: nodes that it never exceeds.
    :param spot: use spot nodes in place of dedicated ones.
    """
    dedicated, low_priority = "$TargetDedicatedNodes", "$TargetLowPriorityNodes"
    target, other = (low_priority, dedicated) if spot else (dedicated, low_priority)
    return _FORMULA.format(max_nodes=max_nodes, target=target, other=other)


@dataclass(frozen=True, kw_only=True)
class AzurePoolStatus(pools.PoolStatus):
    """How a pool of Azure Batch is set up, and what it does now."""

    allocation: str
    """``steady``, ``resizing`` or ``stopping``."""
    vm_size: str
    image: str
    """The nodes' operating system."""
    containers: bool
    """Whether it runs containers."""
    prefetched_images: tuple[str, ...]
    node_fill: str
    """``pack`` or ``spread``."""
    target_dedicated: int
    target_low_priority: int
    autoscale_formula: str | None
    """None where it does not scale by itself."""
    autoscale_outcome: str | None
    """What the formula's last evaluation came to, or why it failed."""
    resize_errors: tuple[str, ...]
    """Why it did not reach its size."""

    def facts(self) -> dict[str, str | None]:
        """Labels and texts for showing it."""
        nodes = ", ".join(f"{count} {state}" for state, count in sorted(self.nodes.items()))
        return {
            "pool": self.id,
            "state": f"{self.state}, {self.allocation}",
            "VM size": self.vm_size,
            "image": self.image,
            "containers": "yes" if self.containers else "no; jobs cannot run here",
            "prefetched": ", ".join(self.prefetched_images),
            "nodes": nodes or "none",
            "target": f"{self.target_dedicated} dedicated, {self.target_low_priority} spot",
            "slots": f"{self.slots}, {self.free_slots} free ({self.slots_per_node} a node, {self.node_fill})",
            "scaling": "automatic" if self.autoscale_formula else "by hand",
            "last scaling": self.autoscale_outcome,
            "resize errors": "; ".join(self.resize_errors),
        }


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
        facts = facts_of(pool)
        at_work = [node for node in nodes if plain(node.state) in _AT_WORK]
        machine = pool.virtual_machine_configuration
        slots = len(at_work) * facts.slots_per_node
        return AzurePoolStatus(
            id=pool.id,
            state=plain(pool.state),
            allocation=plain(pool.allocation_state),
            vm_size=facts.vm_size,
            image=_image_text(machine.image_reference if machine else None),
            containers=machine is not None and machine.container_configuration is not None,
            prefetched_images=facts.prefetched_images,
            slots_per_node=facts.slots_per_node,
            node_fill=facts.node_fill,
            nodes=dict(Counter(plain(node.state) for node in nodes)),
            target_dedicated=pool.target_dedicated_nodes or 0,
            target_low_priority=pool.target_low_priority_nodes or 0,
            slots=slots,
            free_slots=slots - sum(node.running_task_slots_count or 0 for node in at_work),
            autoscale_formula=pool.auto_scale_formula if pool.enable_auto_scale else None,
            autoscale_outcome=_outcome(pool.auto_scale_run) if pool.enable_auto_scale else None,
            resize_errors=tuple(resize_errors(pool)),
        )

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
        :raises InvalidSetting: if the slots are neither given nor told by the size's name, or if the registry
            asks for a managed identity.
        """
        count = slots or vcpus_of(vm_size)
        if count is None:
            raise InvalidSetting(f"vm_size={vm_size!r}: its name does not tell its vCPUs; say slots=… too")
        options = models.BatchPoolCreateOptions(
            id=self.id,
            vm_size=vm_size,
            virtual_machine_configuration=_machine(container_images, registry),
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

        An earlier resize that is still under way is waited for, as Azure takes but one at a time.

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
        return plain(self._client.get_pool(self.id, select=["id", "allocationState"]).allocation_state)

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


def _machine(
    container_images: Sequence[str], registry: Registry | None
) -> models.VirtualMachineConfiguration:
    return models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(
            publisher=_PUBLISHER, offer=_OFFER, sku=_SKU, version="latest"
        ),
        node_agent_sku_id=_NODE_AGENT,
        container_configuration=models.BatchContainerConfiguration(
            type=models.ContainerType.DOCKER_COMPATIBLE,
            container_image_names=list(container_images),
            container_registries=[_login(registry)] if registry else None,
        ),
    )


def _login(registry: Registry) -> models.ContainerRegistryReference:
    if registry.user is None:
        raise InvalidSetting(
            f"registry: {registry.server} is to be asked with a managed identity, which only a template can "
            "give a pool; see 'remotebatch azure template', or give a user"
        )
    password = registry_password(registry.server, registry.user)
    return models.ContainerRegistryReference(
        registry_server=registry.server, username=registry.user, password=password
    )


def _image_text(image: models.BatchVmImageReference | None) -> str:
    if image is None:
        return "unknown"
    parts = (image.publisher, image.offer, image.sku)
    return image.virtual_machine_image_id or " ".join(part for part in parts if part)


def _outcome(run: models.AutoScaleRun | None) -> str | None:
    if run is None:
        return None
    if run.error is not None:
        values = " ".join(value.value or "" for value in run.error.error_values or ())
        return f"{run.error.code}: {run.error.message} {values}".strip()
    return run.results
