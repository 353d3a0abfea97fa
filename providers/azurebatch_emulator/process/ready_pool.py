"""A pool that is there from the start, so that containers can be run without making one first."""

from __future__ import annotations

import os

from azurebatch_emulator.protocol.models.containers import ContainerConfiguration, ContainerType
from azurebatch_emulator.protocol.models.pools import PoolAdd
from azurebatch_emulator.protocol.models.virtual_machines import ImageReference, VirtualMachineConfiguration
from azurebatch_emulator.state.account import Account


def ensure(account: Account, pool_id: str) -> None:
    """Make a pool of one node that runs containers and has a task slot for each CPU, unless it is there."""
    cpus = len(os.sched_getaffinity(0))
    if pool_id.lower() in account.pools:
        return
    image = ImageReference(publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2204")
    account.create_pool(
        PoolAdd(
            id=pool_id,
            vm_size=f"standard_d{cpus}s_v5",
            target_dedicated_nodes=1,
            task_slots_per_node=cpus,
            virtual_machine_configuration=VirtualMachineConfiguration(
                image_reference=image,
                node_agent_sku_id="batch.node.ubuntu 22.04",
                container_configuration=ContainerConfiguration(type=ContainerType.DOCKER_COMPATIBLE),
            ),
        )
    )
