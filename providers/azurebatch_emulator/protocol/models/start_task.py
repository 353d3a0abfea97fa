"""The task that a node runs when it joins its pool."""

from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import EnvironmentSetting, Model, RetryCount, Value, Word
from azurebatch_emulator.protocol.models.containers import ContainerInfo, ContainerSettings
from azurebatch_emulator.protocol.models.files import ResourceFile
from azurebatch_emulator.protocol.models.tasks import TaskFailureInfo, TaskResult
from azurebatch_emulator.protocol.models.users import UserIdentity, user_identity


class StartTaskState(Word):
    """Whether a start task still runs."""

    RUNNING = "running"
    COMPLETED = "completed"


class StartTask(Value, frozen=True):
    """A task that every node of a pool runs first."""

    command_line: str
    container_settings: ContainerSettings | None = None
    resource_files: list[ResourceFile] | None = None
    environment_settings: list[EnvironmentSetting] | None = None
    user_identity: UserIdentity | None = None
    max_task_retry_count: RetryCount | None = None
    wait_for_success: bool | None = None


class StartTaskInfo(Model):
    """How a start task runs or ran."""

    state: StartTaskState
    start_time: str
    retry_count: int
    end_time: str | None = None
    exit_code: int | None = None
    container_info: ContainerInfo | None = None
    failure_info: TaskFailureInfo | None = None
    last_retry_time: str | None = None
    result: TaskResult | None = None


def start_task(given: StartTask) -> StartTask:
    """A start task with the service's defaults in the gaps."""
    return replace(
        given,
        user_identity=user_identity(given.user_identity),
        max_task_retry_count=given.max_task_retry_count or 0,
        wait_for_success=given.wait_for_success is not False,
    )
