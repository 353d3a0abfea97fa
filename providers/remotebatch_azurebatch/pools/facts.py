"""What matters of a pool to jobs."""

from __future__ import annotations

from dataclasses import dataclass

from azure.batch import models

from remotebatch_azurebatch.batch.values import lower
from remotebatch_azurebatch.pools.vm_sizes import has_gpus, vcpus_of


@dataclass(frozen=True)
class PoolFacts:
    """What matters of a pool to the jobs that it is to run."""

    id: str
    vm_size: str
    """Lower case, as ``standard_d4s_v5``."""
    vcpus: int | None
    """vCPUs of that size; None where its name does not say."""
    slots_per_node: int
    nodes: int
    """Nodes that it has now, dedicated and spot."""
    target_nodes: int
    """Nodes that it is to have."""
    autoscale: bool
    node_fill: str
    """``pack`` or ``spread``."""
    prefetched_images: tuple[str, ...]
    """Container images that its nodes fetch before their first task."""

    @property
    def has_gpus(self) -> bool:
        """Whether the VM size is of a family with GPUs."""
        return has_gpus(self.vm_size)


def facts_of(pool: models.BatchPool) -> PoolFacts:
    """What matters of a pool, as the service describes it."""
    machine = pool.virtual_machine_configuration
    containers = machine.container_configuration if machine else None
    policy = pool.task_scheduling_policy
    vm_size = lower(pool.vm_size)
    return PoolFacts(
        id=pool.id,
        vm_size=vm_size,
        vcpus=vcpus_of(vm_size),
        slots_per_node=pool.task_slots_per_node or 1,
        nodes=(pool.current_dedicated_nodes or 0) + (pool.current_low_priority_nodes or 0),
        target_nodes=(pool.target_dedicated_nodes or 0) + (pool.target_low_priority_nodes or 0),
        autoscale=bool(pool.enable_auto_scale),
        node_fill=lower(policy.node_fill_type) if policy else "spread",
        prefetched_images=tuple((containers and containers.container_image_names) or ()),
    )


def resize_errors(pool: models.BatchPool) -> list[str]:
    """Why a pool did not reach its size the last time, in the service's words."""
    return [_resize_error(error) for error in pool.resize_errors or ()]


def _resize_error(error: models.ResizeError) -> str:
    details = (f"{item.name}: {item.value}" for item in error.error_values or ())
    text = " ".join([(error.message or "").split("\n")[0], *details]).strip()
    return f"{error.code}: {text}" if text else str(error.code)
