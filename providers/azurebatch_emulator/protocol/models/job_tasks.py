"""The tasks that a job brings itself: its manager, its preparation and its release."""

from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import (
    ApplicationPackageReference,
    DisplayName,
    Duration,
    EnvironmentSetting,
    Identifier,
    Model,
    Slots,
    Value,
    Word,
    normal,
)
from azurebatch_emulator.protocol.models.containers import ContainerInfo, ContainerSettings
from azurebatch_emulator.protocol.models.files import OutputFile, ResourceFile
from azurebatch_emulator.protocol.models.tasks import (
    AuthenticationTokenSettings,
    TaskConstraints,
    TaskFailureInfo,
    TaskResult,
    task_constraints,
)
from azurebatch_emulator.protocol.models.users import UserIdentity, user_identity


class JobTaskState(Word):
    """Whether a preparation or release task still runs."""

    RUNNING = "running"
    COMPLETED = "completed"


class JobManagerTask(Value, frozen=True):
    """A task that steers its job; the first to run."""

    id: Identifier
    command_line: str
    display_name: DisplayName | None = None
    container_settings: ContainerSettings | None = None
    resource_files: list[ResourceFile] | None = None
    output_files: list[OutputFile] | None = None
    environment_settings: list[EnvironmentSetting] | None = None
    constraints: TaskConstraints | None = None
    required_slots: Slots | None = None
    kill_job_on_completion: bool | None = None
    user_identity: UserIdentity | None = None
    run_exclusive: bool | None = None
    application_package_references: list[ApplicationPackageReference] | None = None
    allow_low_priority_node: bool | None = None
    authentication_token_settings: AuthenticationTokenSettings | None = None


class JobPreparationTask(Value, frozen=True):
    """A task that runs on a node before the job's first task there."""

    command_line: str
    id: Identifier | None = None
    container_settings: ContainerSettings | None = None
    resource_files: list[ResourceFile] | None = None
    environment_settings: list[EnvironmentSetting] | None = None
    constraints: TaskConstraints | None = None
    wait_for_success: bool | None = None
    user_identity: UserIdentity | None = None
    rerun_on_node_reboot_after_success: bool | None = None


class JobReleaseTask(Value, frozen=True):
    """A task that runs on a node when the job is over."""

    command_line: str
    id: Identifier | None = None
    container_settings: ContainerSettings | None = None
    resource_files: list[ResourceFile] | None = None
    environment_settings: list[EnvironmentSetting] | None = None
    max_wall_clock_time: Duration | None = None
    retention_time: Duration | None = None
    user_identity: UserIdentity | None = None


class JobPreparationTaskExecutionInfo(Model):
    """How a preparation task runs or ran on one node."""

    start_time: str
    state: JobTaskState
    retry_count: int
    end_time: str | None = None
    task_root_directory: str | None = None
    task_root_directory_url: str | None = None
    exit_code: int | None = None
    container_info: ContainerInfo | None = None
    failure_info: TaskFailureInfo | None = None
    last_retry_time: str | None = None
    result: TaskResult | None = None


class JobReleaseTaskExecutionInfo(Model):
    """How a release task runs or ran on one node."""

    start_time: str
    state: JobTaskState
    end_time: str | None = None
    task_root_directory: str | None = None
    task_root_directory_url: str | None = None
    exit_code: int | None = None
    container_info: ContainerInfo | None = None
    failure_info: TaskFailureInfo | None = None
    result: TaskResult | None = None


class JobPreparationAndReleaseStatus(Model):
    """Both tasks on one node."""

    pool_id: str | None = None
    node_id: str | None = None
    node_url: str | None = None
    job_preparation_task_execution_info: JobPreparationTaskExecutionInfo | None = None
    job_release_task_execution_info: JobReleaseTaskExecutionInfo | None = None


def manager_task(given: JobManagerTask, retries: int) -> JobManagerTask:
    """A job manager task with the service's defaults in the gaps.

    :param retries: how often the job's tasks are tried again that say nothing of it.
    """
    constraints = given.constraints or TaskConstraints()
    if constraints.max_task_retry_count is None:
        constraints = replace(constraints, max_task_retry_count=retries)
    return replace(
        given,
        constraints=task_constraints(constraints),
        required_slots=given.required_slots or 1,
        kill_job_on_completion=given.kill_job_on_completion is not False,
        user_identity=user_identity(given.user_identity),
        run_exclusive=given.run_exclusive is not False,
        allow_low_priority_node=given.allow_low_priority_node is not False,
    )


def preparation_task(given: JobPreparationTask) -> JobPreparationTask:
    """A job preparation task with the service's defaults in the gaps."""
    return replace(
        given,
        id=given.id or "jobpreparation",
        constraints=task_constraints(given.constraints),
        wait_for_success=given.wait_for_success is not False,
        user_identity=user_identity(given.user_identity),
        rerun_on_node_reboot_after_success=given.rerun_on_node_reboot_after_success is not False,
    )


def release_task(given: JobReleaseTask) -> JobReleaseTask:
    """A job release task with the service's defaults in the gaps."""
    return replace(
        given,
        id=given.id or "jobrelease",
        max_wall_clock_time=normal(given.max_wall_clock_time or "PT15M"),
        retention_time=normal(given.retention_time or "P7D"),
        user_identity=user_identity(given.user_identity),
    )
