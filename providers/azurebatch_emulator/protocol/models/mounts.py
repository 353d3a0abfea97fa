"""File systems that a pool's nodes mount."""

from azurebatch_emulator.protocol.models.common import IdentityReference, Value


class AzureBlobFileSystemConfiguration(Value, frozen=True):
    """A blob container, by blobfuse."""

    account_name: str
    container_name: str
    relative_mount_path: str
    account_key: str | None = None
    sas_key: str | None = None
    blobfuse_options: str | None = None
    identity_reference: IdentityReference | None = None


class NfsMountConfiguration(Value, frozen=True):
    """An NFS export."""

    source: str
    relative_mount_path: str
    mount_options: str | None = None


class CifsMountConfiguration(Value, frozen=True):
    """A CIFS share."""

    username: str
    source: str
    relative_mount_path: str
    password: str
    mount_options: str | None = None


class AzureFileShareConfiguration(Value, frozen=True):
    """A share of Azure Files."""

    account_name: str
    account_key: str
    azure_file_url: str
    relative_mount_path: str
    mount_options: str | None = None


class MountConfiguration(Value, frozen=True):
    """One file system to mount."""

    azure_blob_file_system_configuration: AzureBlobFileSystemConfiguration | None = None
    nfs_mount_configuration: NfsMountConfiguration | None = None
    cifs_mount_configuration: CifsMountConfiguration | None = None
    azure_file_share_configuration: AzureFileShareConfiguration | None = None

    def __post_init__(self) -> None:
        kinds = (
            self.azure_blob_file_system_configuration,
            self.nfs_mount_configuration,
            self.cifs_mount_configuration,
            self.azure_file_share_configuration,
        )
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("Exactly one kind of file system must be given")
