"""Containers: on the pool, and of a task."""

from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import IdentityReference, Model, Value, Word


class ContainerType(Word):
    """The container engine of a pool."""

    DOCKER_COMPATIBLE = "dockerCompatible"
    CRI_COMPATIBLE = "criCompatible"


class ContainerWorkingDirectory(Word):
    """Where a container's command begins."""

    TASK_WORKING_DIRECTORY = "taskWorkingDirectory"
    CONTAINER_IMAGE_DEFAULT = "containerImageDefault"


class ContainerHostDataPath(Word):
    """A path of the node that a container may see."""

    SHARED = "Shared"
    STARTUP = "Startup"
    VFS_MOUNTS = "VfsMounts"
    TASK = "Task"
    JOB_PREP = "JobPrep"
    APPLICATIONS = "Applications"


class ContainerRegistry(Value, frozen=True):
    """Where images come from, and the credentials for it."""

    username: str | None = None
    password: str | None = None
    registry_server: str | None = None
    identity_reference: IdentityReference | None = None


class ContainerConfiguration(Value, frozen=True):
    """The containers that a pool is prepared for."""

    type: ContainerType
    container_image_names: list[str] | None = None
    container_registries: list[ContainerRegistry] | None = None


class ContainerBindMount(Value, frozen=True):
    """A path of the node mounted into a container."""

    source: ContainerHostDataPath | None = None
    is_read_only: bool | None = None


class ContainerSettings(Value, frozen=True):
    """The container that a task runs in."""

    image_name: str
    container_run_options: str | None = None
    registry: ContainerRegistry | None = None
    working_directory: ContainerWorkingDirectory | None = None
    container_host_batch_bind_mounts: list[ContainerBindMount] | None = None


class ContainerInfo(Model):
    """What became of a task's container."""

    container_id: str | None = None
    state: str | None = None
    error: str | None = None


def container_settings(given: ContainerSettings | None) -> ContainerSettings | None:
    """The settings with the service's defaults in the gaps."""
    if given is None or given.working_directory is not None:
        return given
    return replace(given, working_directory=ContainerWorkingDirectory.TASK_WORKING_DIRECTORY)
