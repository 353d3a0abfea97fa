"""How a pool of Azure Batch is set up, and what it does now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from azure.batch import models

from remotebatch.pools import PoolStatus
from remotebatch_azurebatch.batch.values import lower
from remotebatch_azurebatch.pools.facts import facts_of, resize_errors

_AT_WORK = ("idle", "running")


@dataclass(frozen=True, kw_only=True)
class AzurePoolStatus(PoolStatus):
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


def status_of(pool: models.BatchPool, nodes: Sequence[models.BatchNode]) -> AzurePoolStatus:
    """The status of a pool, from the service's descriptions of it and of its nodes."""
    facts = facts_of(pool)
    at_work = [node for node in nodes if lower(node.state) in _AT_WORK]
    machine = pool.virtual_machine_configuration
    slots = len(at_work) * facts.slots_per_node
    return AzurePoolStatus(
        id=pool.id,
        state=lower(pool.state),
        allocation=lower(pool.allocation_state),
        vm_size=facts.vm_size,
        image=_image_text(machine.image_reference if machine else None),
        containers=machine is not None and machine.container_configuration is not None,
        prefetched_images=facts.prefetched_images,
        slots_per_node=facts.slots_per_node,
        node_fill=facts.node_fill,
        nodes=dict(Counter(lower(node.state) for node in nodes)),
        target_dedicated=pool.target_dedicated_nodes or 0,
        target_low_priority=pool.target_low_priority_nodes or 0,
        slots=slots,
        free_slots=slots - sum(node.running_task_slots_count or 0 for node in at_work),
        autoscale_formula=pool.auto_scale_formula if pool.enable_auto_scale else None,
        autoscale_outcome=_outcome(pool.auto_scale_run) if pool.enable_auto_scale else None,
        resize_errors=tuple(resize_errors(pool)),
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
