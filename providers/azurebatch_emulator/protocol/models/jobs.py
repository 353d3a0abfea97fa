"""Jobs: what a client creates, changes and sees."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field
from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import (
    FOREVER,
    Body,
    DisplayName,
    Duration,
    EnvironmentSetting,
    ErrorCategory,
    Identifier,
    Maybe,
    MetadataItem,
    Model,
    NameValuePair,
    Replacement,
    RetryCount,
    Value,
    Word,
    fields,
    normal,
    stamp,
)
from azurebatch_emulator.protocol.models.job_tasks import (
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
    manager_task,
    preparation_task,
    release_task,
)
from azurebatch_emulator.protocol.models.pools import PoolSpecification, fill_pool
from azurebatch_emulator.protocol.models.statistics import JobStatistics

Priority = Annotated[int, Meta(ge=-1000, le=1000)]
MaxParallelTasks = Annotated[int, Meta(ge=-1, le=2**31 - 1)]


def _check_parallel(number: int | UnsetType | None) -> None:
    if number == 0:
        raise ValueError("maxParallelTasks must be -1 or greater than 0")


class JobState(Word):
    """Where a job is in its life."""

    ACTIVE = "active"
    DISABLING = "disabling"
    DISABLED = "disabled"
    ENABLING = "enabling"
    TERMINATING = "terminating"
    COMPLETED = "completed"
    DELETING = "deleting"


class OnAllTasksComplete(Word):
    """What happens when no task is left."""

    NO_ACTION = "noaction"
    TERMINATE_JOB = "terminatejob"


class OnTaskFailure(Word):
    """What happens when a task fails."""

    NO_ACTION = "noaction"
    PERFORM_EXIT_OPTIONS_JOB_ACTION = "performexitoptionsjobaction"


class DisableTasks(Word):
    """What becomes of the running tasks of a job that is disabled."""

    REQUEUE = "requeue"
    TERMINATE = "terminate"
    WAIT = "wait"


class PoolLifetimeOption(Word):
    """How long an automatic pool lives."""

    JOB_SCHEDULE = "jobschedule"
    JOB = "job"


class JobConstraints(Value, frozen=True):
    """The limits of a job."""

    max_wall_clock_time: Duration | None = None
    max_task_retry_count: RetryCount | None = None


class JobNetworkConfiguration(Value, frozen=True):
    """The network that a job's tasks run in."""

    subnet_id: str
    skip_withdraw_from_vnet: bool | None = field(name="skipWithdrawFromVNet", default=None)


class AutoPoolSpecification(Value, frozen=True):
    """A pool made for a job."""

    pool_lifetime_option: PoolLifetimeOption
    auto_pool_id_prefix: Annotated[str, Meta(max_length=20)] | None = None
    keep_alive: bool | None = None
    pool: PoolSpecification | None = None


class PoolInfo(Value, frozen=True):
    """The pool that a job runs on: one that is there, or one made for it."""

    pool_id: str | None = None
    auto_pool_specification: AutoPoolSpecification | None = None

    def __post_init__(self) -> None:
        if (self.pool_id is None) == (self.auto_pool_specification is None):
            raise ValueError("Exactly one of poolId and autoPoolSpecification must be given")


class JobSpecification(Body, kw_only=True):
    """What a job shares with the jobs that a schedule makes."""

    priority: Priority | None = None
    allow_task_preemption: bool | None = None
    max_parallel_tasks: MaxParallelTasks | None = None
    display_name: DisplayName | None = None
    uses_task_dependencies: bool | None = None
    on_all_tasks_complete: OnAllTasksComplete | None = None
    on_task_failure: OnTaskFailure | None = None
    network_configuration: JobNetworkConfiguration | None = None
    constraints: JobConstraints | None = None
    job_manager_task: JobManagerTask | None = None
    job_preparation_task: JobPreparationTask | None = None
    job_release_task: JobReleaseTask | None = None
    common_environment_settings: list[EnvironmentSetting] | None = None
    pool_info: PoolInfo
    metadata: list[MetadataItem] | None = None

    def __post_init__(self) -> None:
        _check_parallel(self.max_parallel_tasks)


class JobAdd(JobSpecification, kw_only=True):
    """POST jobs."""

    id: Identifier


class JobSchedulingError(Model):
    """Why a job cannot run."""

    category: ErrorCategory
    code: str | None = None
    message: str | None = None
    details: list[NameValuePair] | None = None


class JobExecutionInfo(Model):
    """How a job runs or ran."""

    start_time: str
    end_time: str | None = None
    pool_id: str | None = None
    scheduling_error: JobSchedulingError | None = None
    terminate_reason: str | None = None


class Job(JobAdd, kw_only=True):
    """A job as the service shows it."""

    id: str  # a schedule's jobs have a colon in theirs
    url: str
    e_tag: str
    last_modified: str
    creation_time: str
    state: JobState
    state_transition_time: str
    previous_state: JobState | None = None
    previous_state_transition_time: str | None = None
    execution_info: JobExecutionInfo | None = None
    stats: JobStatistics | None = None


class JobPatch(Body):
    """PATCH jobs/{jobId}: what is absent stays as it is."""

    priority: Maybe[Priority] = UNSET
    allow_task_preemption: Maybe[bool] = UNSET
    max_parallel_tasks: Maybe[MaxParallelTasks] = UNSET
    constraints: Maybe[JobConstraints] = UNSET
    pool_info: Maybe[PoolInfo] = UNSET
    on_all_tasks_complete: Maybe[OnAllTasksComplete] = UNSET
    metadata: Maybe[list[MetadataItem]] = UNSET
    network_configuration: Maybe[JobNetworkConfiguration] = UNSET

    def __post_init__(self) -> None:
        _check_parallel(self.max_parallel_tasks)


class JobReplace(Replacement, kw_only=True):
    """PUT jobs/{jobId}: what is absent goes back to its default."""

    pool_info: PoolInfo
    priority: Priority | None = None
    allow_task_preemption: bool | None = None
    max_parallel_tasks: MaxParallelTasks | None = None
    constraints: JobConstraints | None = None
    on_all_tasks_complete: OnAllTasksComplete | None = None
    metadata: list[MetadataItem] | None = None

    def __post_init__(self) -> None:
        _check_parallel(self.max_parallel_tasks)


class JobDisable(Body):
    """POST jobs/{jobId}/disable."""

    disable_tasks: DisableTasks


class JobTerminate(Body):
    """POST jobs/{jobId}/terminate; the body may be missing."""

    terminate_reason: str | None = None


def job_constraints(given: JobConstraints | None) -> JobConstraints:
    """The constraints with the service's defaults in the gaps."""
    given = given or JobConstraints()
    return JobConstraints(
        max_wall_clock_time=normal(given.max_wall_clock_time or FOREVER),
        max_task_retry_count=given.max_task_retry_count or 0,
    )


def job_pool(given: PoolInfo) -> PoolInfo:
    """A job's pool with the service's defaults in the gaps."""
    auto = given.auto_pool_specification
    if auto is None:
        return given
    if auto.pool is not None:
        fill_pool(auto.pool)
    return PoolInfo(auto_pool_specification=replace(auto, keep_alive=bool(auto.keep_alive)))


def fill_job(job: JobSpecification) -> None:
    """Put the service's defaults in the gaps of a job, or of a schedule's description of one."""
    job.priority = job.priority or 0
    job.allow_task_preemption = bool(job.allow_task_preemption)
    job.max_parallel_tasks = -1 if job.max_parallel_tasks is None else job.max_parallel_tasks
    job.uses_task_dependencies = bool(job.uses_task_dependencies)
    job.on_all_tasks_complete = job.on_all_tasks_complete or OnAllTasksComplete.NO_ACTION
    job.on_task_failure = job.on_task_failure or OnTaskFailure.NO_ACTION
    job.constraints = job_constraints(job.constraints)
    if job.job_manager_task is not None:
        retries = job.constraints.max_task_retry_count or 0
        job.job_manager_task = manager_task(job.job_manager_task, retries)
    job.job_preparation_task = job.job_preparation_task and preparation_task(job.job_preparation_task)
    job.job_release_task = job.job_release_task and release_task(job.job_release_task)
    job.pool_info = job_pool(job.pool_info)


def new_job(add: JobAdd, url: str) -> Job:
    """The job that the service makes of what a client added."""
    e_tag, time = stamp()
    job = Job(
        **fields(add),
        url=url,
        e_tag=e_tag,
        last_modified=time,
        creation_time=time,
        state=JobState.ACTIVE,
        state_transition_time=time,
        execution_info=JobExecutionInfo(start_time=time, pool_id=add.pool_info.pool_id),
    )
    fill_job(job)
    return job
