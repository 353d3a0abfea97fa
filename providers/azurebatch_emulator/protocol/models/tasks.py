"""Tasks: what a client adds, what the service answers."""

from typing import Annotated

from msgspec import Meta

from azurebatch_emulator.protocol.models.common import (
    FOREVER,
    ApplicationPackageReference,
    Body,
    DisplayName,
    Duration,
    EnvironmentSetting,
    Error,
    ErrorCategory,
    Identifier,
    Int32,
    Model,
    NameValuePair,
    Replacement,
    RetryCount,
    Slots,
    Value,
    Word,
    fields,
    normal,
    stamp,
)
from azurebatch_emulator.protocol.models.containers import (
    ContainerInfo,
    ContainerSettings,
    container_settings,
)
from azurebatch_emulator.protocol.models.files import OutputFile, ResourceFile
from azurebatch_emulator.protocol.models.statistics import TaskStatistics
from azurebatch_emulator.protocol.models.users import UserIdentity, user_identity


class TaskState(Word):
    """Where a task is in its life."""

    ACTIVE = "active"
    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"


class TaskResult(Word):
    """How a task ended."""

    SUCCESS = "success"
    FAILURE = "failure"


class TaskAddStatus(Word):
    """What became of one task of a collection."""

    # Capitals, as recorded from the service.
    SUCCESS = "Success"
    CLIENT_ERROR = "ClientError"
    SERVER_ERROR = "ServerError"


class SubtaskState(Word):
    """Where a subtask is in its life."""

    PREPARING = "preparing"
    RUNNING = "running"
    COMPLETED = "completed"


class JobAction(Word):
    """What a task's end does to its job."""

    NONE = "none"
    DISABLE = "disable"
    TERMINATE = "terminate"


class DependencyAction(Word):
    """What a task's end does to those that wait for it."""

    SATISFY = "satisfy"
    BLOCK = "block"


class AccessScope(Word):
    """What a task's authentication token may be used for."""

    JOB = "job"


class TaskConstraints(Value, frozen=True):
    """The limits of a task."""

    max_wall_clock_time: Duration | None = None
    retention_time: Duration | None = None
    max_task_retry_count: RetryCount | None = None


class ExitOptions(Value, frozen=True):
    """What follows from one way to end."""

    job_action: JobAction | None = None
    dependency_action: DependencyAction | None = None


class ExitCodeMapping(Value, frozen=True):
    """What follows from an exit code."""

    code: Int32
    exit_options: ExitOptions


class ExitCodeRangeMapping(Value, frozen=True):
    """What follows from exit codes, both ends included."""

    start: Int32
    end: Int32
    exit_options: ExitOptions


class ExitConditions(Value, frozen=True):
    """What follows from the ways a task can end."""

    exit_codes: list[ExitCodeMapping] | None = None
    exit_code_ranges: list[ExitCodeRangeMapping] | None = None
    pre_processing_error: ExitOptions | None = None
    file_upload_error: ExitOptions | None = None
    default: ExitOptions | None = None


class TaskIdRange(Value, frozen=True):
    """Task ids that are whole numbers, both ends included."""

    start: Int32
    end: Int32


class TaskDependencies(Value, frozen=True):
    """The tasks that one waits for."""

    task_ids: list[str] | None = None
    task_id_ranges: list[TaskIdRange] | None = None


class MultiInstanceSettings(Value, frozen=True):
    """A task that runs on several nodes at once."""

    coordination_command_line: str
    number_of_instances: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    common_resource_files: list[ResourceFile] | None = None


class AffinityInfo(Value, frozen=True):
    """Where a task would like to run."""

    affinity_id: str


class AuthenticationTokenSettings(Value, frozen=True):
    """A token for the service in the task's environment; versions before 2025-06-01 have it."""

    access: list[AccessScope] | None = None


class TaskAdd(Body, kw_only=True):
    """POST tasks."""

    id: Identifier
    display_name: DisplayName | None = None
    exit_conditions: ExitConditions | None = None
    command_line: str
    container_settings: ContainerSettings | None = None
    resource_files: list[ResourceFile] | None = None
    output_files: list[OutputFile] | None = None
    environment_settings: list[EnvironmentSetting] | None = None
    affinity_info: AffinityInfo | None = None
    constraints: TaskConstraints | None = None
    required_slots: Slots | None = None
    user_identity: UserIdentity | None = None
    multi_instance_settings: MultiInstanceSettings | None = None
    depends_on: TaskDependencies | None = None
    application_package_references: list[ApplicationPackageReference] | None = None
    authentication_token_settings: AuthenticationTokenSettings | None = None


class TaskFailureInfo(Value, frozen=True):
    """Why a task failed."""

    category: ErrorCategory
    code: str | None = None
    message: str | None = None
    details: list[NameValuePair] | None = None


class TaskExecutionInfo(Value, frozen=True):
    """How a task runs or ran. Frozen, since all tasks that never ran share one."""

    retry_count: int
    requeue_count: int
    start_time: str | None = None
    end_time: str | None = None
    exit_code: int | None = None
    container_info: ContainerInfo | None = None
    failure_info: TaskFailureInfo | None = None
    last_retry_time: str | None = None
    last_requeue_time: str | None = None
    result: TaskResult | None = None


class NodeInfo(Value, frozen=True):
    """The node that a task runs or ran on."""

    affinity_id: str | None = None
    node_url: str | None = None
    pool_id: str | None = None
    node_id: str | None = None
    task_root_directory: str | None = None
    task_root_directory_url: str | None = None


class Task(TaskAdd, kw_only=True):
    """A task as the service shows it."""

    id: str
    url: str
    e_tag: str
    last_modified: str
    creation_time: str
    state: TaskState
    state_transition_time: str
    previous_state: TaskState | None = None
    previous_state_transition_time: str | None = None
    execution_info: TaskExecutionInfo | None = None
    node_info: NodeInfo | None = None
    stats: TaskStatistics | None = None


class TaskReplace(Replacement, kw_only=True):
    """PUT tasks/{taskId}."""

    constraints: TaskConstraints | None = None


class TaskCollection(Body):
    """POST addtaskcollection."""

    value: list[TaskAdd]


class TaskAddResult(Model):
    """What became of one task of a collection."""

    status: TaskAddStatus
    task_id: str
    e_tag: str | None = None
    last_modified: str | None = None
    location: str | None = None
    error: Error | None = None


class TaskAddResults(Model):
    """The answer to POST addtaskcollection."""

    value: list[TaskAddResult]


class TaskCounts(Model):
    """How many tasks of a job are in each state."""

    active: int
    running: int
    completed: int
    succeeded: int
    failed: int


class TaskSlotCounts(Model):
    """How many slots the tasks of a job in each state need."""

    active: int
    running: int
    completed: int
    succeeded: int
    failed: int


class TaskCountsResult(Model):
    """The answer to GET taskcounts."""

    task_counts: TaskCounts
    task_slot_counts: TaskSlotCounts


class Subtask(Model):
    """One of the instances of a multi-instance task, the primary left out."""

    id: int | None = None
    node_info: NodeInfo | None = None
    start_time: str | None = None
    end_time: str | None = None
    exit_code: int | None = None
    container_info: ContainerInfo | None = None
    failure_info: TaskFailureInfo | None = None
    state: SubtaskState | None = None
    state_transition_time: str | None = None
    previous_state: SubtaskState | None = None
    previous_state_transition_time: str | None = None
    result: TaskResult | None = None


class Subtasks(Model):
    """All subtasks of a task."""

    value: list[Subtask]


class Mark(Model):
    """A mark of a task in the ledger; its kind says what it means."""


NEVER_RUN = TaskExecutionInfo(retry_count=0, requeue_count=0)
DEFAULT_CONSTRAINTS = TaskConstraints(
    max_wall_clock_time=FOREVER, retention_time="P7D", max_task_retry_count=0
)


def task_constraints(given: TaskConstraints | None) -> TaskConstraints:
    """The constraints with the service's defaults in the gaps."""
    if given is None:
        return DEFAULT_CONSTRAINTS
    filled = TaskConstraints(
        max_wall_clock_time=normal(given.max_wall_clock_time or FOREVER),
        retention_time=normal(given.retention_time or "P7D"),
        max_task_retry_count=given.max_task_retry_count or 0,
    )
    return DEFAULT_CONSTRAINTS if filled == DEFAULT_CONSTRAINTS else filled


def new_task(add: TaskAdd, url: str) -> Task:
    """The task that the service makes of what a client added."""
    e_tag, time = stamp()
    return Task(
        **fields(add)
        | {
            "constraints": task_constraints(add.constraints),
            "container_settings": container_settings(add.container_settings),
            "required_slots": add.required_slots or 1,
            "user_identity": user_identity(add.user_identity),
        },
        url=url,
        e_tag=e_tag,
        last_modified=time,
        creation_time=time,
        state=TaskState.ACTIVE,
        state_transition_time=time,
        execution_info=NEVER_RUN,
    )
