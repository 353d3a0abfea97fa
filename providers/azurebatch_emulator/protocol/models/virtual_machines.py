"""The virtual machines of a pool: image, disks, security, extensions, upgrades."""

from typing import Annotated, Any

from msgspec import Meta, field
from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import Count, Duration, IdentityReference, Value, Word
from azurebatch_emulator.protocol.models.containers import ContainerConfiguration

Percent = Annotated[int, Meta(ge=0, le=100)]


class CachingType(Word):
    """How a disk is cached."""

    NONE = "none"
    READ_ONLY = "readonly"
    READ_WRITE = "readwrite"


class StorageAccountType(Word):
    """The storage behind a disk."""

    STANDARD_LRS = "standard_lrs"
    PREMIUM_LRS = "premium_lrs"
    STANDARD_SSD_LRS = "standardssd_lrs"


class DiffDiskPlacement(Word):
    """Where an ephemeral disk lies."""

    CACHE_DISK = "cachedisk"


class DiskEncryptionTarget(Word):
    """A disk to encrypt."""

    OS_DISK = "osdisk"
    TEMPORARY_DISK = "temporarydisk"


class NodePlacementPolicy(Word):
    """Where nodes are placed."""

    REGIONAL = "regional"
    ZONAL = "zonal"


class SecurityEncryptionType(Word):
    """What of a confidential machine is encrypted."""

    DISK_WITH_VM_GUEST_STATE = "DiskWithVMGuestState"
    NON_PERSISTED_TPM = "NonPersistedTPM"
    VM_GUEST_STATE_ONLY = "VMGuestStateOnly"


class SecurityType(Word):
    """How a machine is secured."""

    TRUSTED_LAUNCH = "trustedLaunch"
    CONFIDENTIAL_VM = "confidentialvm"


class HostEndpointMode(Word):
    """Whether a rule of the host's endpoints is enforced."""

    AUDIT = "Audit"
    ENFORCE = "Enforce"


class UpgradeMode(Word):
    """How machines are upgraded."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    ROLLING = "rolling"


class ImageReference(Value, frozen=True):
    """An image of an operating system."""

    publisher: str | None = None
    offer: str | None = None
    sku: str | None = None
    version: str | None = None
    virtual_machine_image_id: str | None = None
    exact_version: str | None = None
    shared_gallery_image_id: str | None = None
    community_gallery_image_id: str | None = None


class WindowsConfiguration(Value, frozen=True):
    """What is particular to Windows."""

    enable_automatic_updates: bool | None = None


class DiskEncryptionSet(Value, frozen=True):
    """A set of keys for disks."""

    id: str | None = None


class DiskSecurityProfile(Value, frozen=True):
    """How a disk is secured."""

    security_encryption_type: SecurityEncryptionType | None = None


class ManagedDisk(Value, frozen=True):
    """What is behind a disk."""

    disk_encryption_set: DiskEncryptionSet | None = None
    storage_account_type: StorageAccountType | None = None
    security_profile: DiskSecurityProfile | None = None


class DataDisk(Value, frozen=True):
    """A disk besides the system's."""

    lun: Annotated[int, Meta(ge=0, le=63)]
    disk_size_gb: Count = field(name="diskSizeGB")
    caching: CachingType | None = None
    managed_disk: ManagedDisk | None = None
    storage_account_type: StorageAccountType | None = None  # versions before 2025-06-01


class EphemeralDiskSettings(Value, frozen=True):
    """A system disk that is not kept."""

    placement: DiffDiskPlacement | None = None


class OSDisk(Value, frozen=True):
    """The system's disk."""

    ephemeral_os_disk_settings: EphemeralDiskSettings | None = field(
        name="ephemeralOSDiskSettings", default=None
    )
    caching: CachingType | None = None
    disk_size_gb: Count | None = field(name="diskSizeGB", default=None)
    managed_disk: ManagedDisk | None = None
    write_accelerator_enabled: bool | None = None


class CustomerManagedKey(Value, frozen=True):
    """A key of the customer's own."""

    identity_reference: IdentityReference | None = None
    key_url: str | None = None
    rotation_to_latest_key_version_enabled: bool | None = None


class DiskEncryptionConfiguration(Value, frozen=True):
    """Which disks are encrypted, and with what."""

    customer_managed_key: CustomerManagedKey | None = None
    targets: list[DiskEncryptionTarget] | None = None


class NodePlacementConfiguration(Value, frozen=True):
    """Where nodes are placed."""

    policy: NodePlacementPolicy | None = None


class VMExtension(Value, frozen=True):
    """Software that Azure installs on a machine."""

    name: str
    publisher: str
    type: str
    type_handler_version: str | None = None
    auto_upgrade_minor_version: bool | None = None
    enable_automatic_upgrade: bool | None = None
    settings: dict[str, Any] | None = None
    protected_settings: dict[str, Any] | None = None
    provision_after_extensions: list[str] | None = None


class HostEndpointSettings(Value, frozen=True):
    """Who may reach an endpoint of the host."""

    in_vm_access_control_profile_reference_id: str | None = field(
        name="inVMAccessControlProfileReferenceId", default=None
    )
    mode: HostEndpointMode | None = None


class ProxyAgentSettings(Value, frozen=True):
    """The agent that guards the host's endpoints."""

    enabled: bool | None = None
    imds: HostEndpointSettings | None = None
    wire_server: HostEndpointSettings | None = None


class UefiSettings(Value, frozen=True):
    """How a machine boots."""

    secure_boot_enabled: bool | None = None
    v_tpm_enabled: bool | None = None


class SecurityProfile(Value, frozen=True):
    """How a machine is secured."""

    encryption_at_host: bool | None = None
    proxy_agent_settings: ProxyAgentSettings | None = None
    security_type: SecurityType | None = None
    uefi_settings: UefiSettings | None = None


class ServiceArtifactReference(Value, frozen=True):
    """A version of images to stay with."""

    id: str


class VirtualMachineConfiguration(Value, frozen=True):
    """The machines of a pool."""

    image_reference: ImageReference
    node_agent_sku_id: str = field(name="nodeAgentSKUId")
    windows_configuration: WindowsConfiguration | None = None
    data_disks: list[DataDisk] | None = None
    license_type: str | None = None
    container_configuration: ContainerConfiguration | None = None
    disk_encryption_configuration: DiskEncryptionConfiguration | None = None
    node_placement_configuration: NodePlacementConfiguration | None = None
    extensions: list[VMExtension] | None = None
    os_disk: OSDisk | None = None
    security_profile: SecurityProfile | None = None
    service_artifact_reference: ServiceArtifactReference | None = None


class AutomaticOSUpgradePolicy(Value, frozen=True):
    """How the operating system is upgraded by itself."""

    disable_automatic_rollback: bool | None = None
    enable_automatic_os_upgrade: bool | None = field(name="enableAutomaticOSUpgrade", default=None)
    use_rolling_upgrade_policy: bool | None = None
    os_rolling_upgrade_deferral: bool | None = None


class RollingUpgradePolicy(Value, frozen=True):
    """How machines are upgraded a few at a time."""

    enable_cross_zone_upgrade: bool | None = None
    max_batch_instance_percent: Percent | None = None
    max_unhealthy_instance_percent: Percent | None = None
    max_unhealthy_upgraded_instance_percent: Percent | None = None
    pause_time_between_batches: Duration | None = None
    prioritize_unhealthy_instances: bool | None = None
    rollback_failed_instances_on_policy_breach: bool | None = None


class UpgradePolicy(Value, frozen=True):
    """How machines are upgraded."""

    mode: UpgradeMode
    automatic_os_upgrade_policy: AutomaticOSUpgradePolicy | None = field(
        name="automaticOSUpgradePolicy", default=None
    )
    rolling_upgrade_policy: RollingUpgradePolicy | None = None


def data_disk(given: DataDisk) -> DataDisk:
    """A data disk with the service's defaults in the gaps."""
    disk = given.managed_disk or ManagedDisk()
    kind = disk.storage_account_type or given.storage_account_type or StorageAccountType.STANDARD_LRS
    return replace(
        given,
        caching=given.caching or CachingType.NONE,
        managed_disk=replace(disk, storage_account_type=kind),
    )


def virtual_machines(given: VirtualMachineConfiguration) -> VirtualMachineConfiguration:
    """A pool's machines with the service's defaults in the gaps."""
    image = given.image_reference
    if image.publisher is not None and not image.version:
        image = replace(image, version="latest")
    disks = given.data_disks and [data_disk(disk) for disk in given.data_disks]
    return replace(given, image_reference=image, data_disks=disks)
