"""The machines of a new pool: Linux nodes that run containers."""

from __future__ import annotations

from collections.abc import Sequence

from azure.batch import models

from remotebatch.errors import InvalidSetting
from remotebatch_azurebatch.accounts.credentials import registry_password
from remotebatch_azurebatch.settings import Registry

# an image of Microsoft's that brings a container engine, and the GPU drivers
_PUBLISHER, _OFFER, _SKU = "microsoft-dsvm", "ubuntu-hpc", "2404"
_NODE_AGENT = "batch.node.ubuntu 24.04"


def container_machines(
    container_images: Sequence[str], registry: Registry | None
) -> models.VirtualMachineConfiguration:
    """Machines that pull some images before their first task, as a registry's user where it asks for one."""
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
