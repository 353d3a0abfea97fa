"""What belongs to the account as a whole: images, applications, usage."""

from __future__ import annotations

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.nodes import ImageVerification, OSType, SupportedImage
from azurebatch_emulator.protocol.models.virtual_machines import ImageReference
from azurebatch_emulator.web.lists import in_order
from azurebatch_emulator.web.operation import Answer, Call, operation

_GEN2 = "Generation2VMImage"
_HPC = ("DockerCompatible", "SupportsRDMAOnly", _GEN2, "IntelMPIRuntimeInstalled")
_UBUNTU_22, _UBUNTU_24 = "batch.node.ubuntu 22.04", "batch.node.ubuntu 24.04"
_IMAGES = (
    # publisher, offer, sku, agent, capabilities: of Linux on x86-64, those that Azure has verified
    ("almalinux", "almalinux-x86_64", "8-gen1", "batch.node.el 8", ()),
    ("almalinux", "almalinux-x86_64", "8-gen2", "batch.node.el 8", (_GEN2,)),
    ("almalinux", "almalinux-x86_64", "9-gen1", "batch.node.el 9", ()),
    ("almalinux", "almalinux-x86_64", "9-gen2", "batch.node.el 9", (_GEN2,)),
    ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", _UBUNTU_22, ()),
    ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2", _UBUNTU_22, (_GEN2,)),
    ("canonical", "ubuntu-24_04-lts", "server", _UBUNTU_24, (_GEN2,)),
    ("canonical", "ubuntu-24_04-lts", "server-gen1", _UBUNTU_24, ()),
    ("microsoft-dsvm", "ubuntu-hpc", "2404", _UBUNTU_24, _HPC),
    ("microsoftcblmariner", "azure-linux-3", "azure-linux-3", "batch.node.azurelinux 3.0", ()),
    ("microsoftcblmariner", "azure-linux-3", "azure-linux-3-gen2", "batch.node.azurelinux 3.0", (_GEN2,)),
)


@operation("GET", "/supportedimages")
def list_supported_images(call: Call) -> Answer:
    """GET supportedimages: pools can be made of any other image, too, for nothing of it is used."""
    images = {
        f"{number:03}": SupportedImage(
            node_agent_sku_id=agent,
            image_reference=ImageReference(publisher=publisher, offer=offer, sku=sku, version="latest"),
            os_type=OSType.LINUX,
            verification_type=ImageVerification.VERIFIED,
            capabilities=list(capabilities) or None,
        )
        for number, (publisher, offer, sku, agent, capabilities) in enumerate(_IMAGES)
    }
    return call.page(in_order(images, call.query), "supportedimages")


@operation("GET", "/applications")
def list_applications(call: Call) -> Answer:
    """GET applications: there are none, for they are made by Azure's management plane."""
    return call.page((), "applications")


@operation("GET", "/applications/{applicationId}")
def get_application(call: Call) -> Answer:
    """GET applications/{applicationId}."""
    raise BatchServiceError("ApplicationNotFound")


@operation("GET", "/poolusagemetrics")
def list_pool_usage_metrics(call: Call) -> Answer:
    """GET poolusagemetrics: nothing is billed, so there is no usage."""
    return call.page((), "poolusagemetrics")
