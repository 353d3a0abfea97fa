"""Job schedules: what a client creates, changes and sees."""

from msgspec import UNSET
from msgspec.structs import replace

from azurebatch_emulator.protocol.models.common import (
    Body,
    DisplayName,
    Duration,
    Identifier,
    Maybe,
    MetadataItem,
    Model,
    Replacement,
    Time,
    Value,
    Word,
    check_times,
    fields,
    normal,
    normal_time,
    stamp,
)
from azurebatch_emulator.protocol.models.jobs import JobSpecification, fill_job
from azurebatch_emulator.protocol.models.statistics import JobScheduleStatistics


class JobScheduleState(Word):
    """Where a schedule is in its life."""

    ACTIVE = "active"
    COMPLETED = "completed"
    DISABLED = "disabled"
    TERMINATING = "terminating"
    DELETING = "deleting"


class Schedule(Value, frozen=True):
    """When jobs are made."""

    do_not_run_until: Time | None = None
    do_not_run_after: Time | None = None
    start_window: Duration | None = None
    recurrence_interval: Duration | None = None

    def __post_init__(self) -> None:
        check_times(self.do_not_run_until, self.do_not_run_after)


class JobScheduleAdd(Body, kw_only=True):
    """POST jobschedules."""

    id: Identifier
    display_name: DisplayName | None = None
    schedule: Schedule
    job_specification: JobSpecification
    metadata: list[MetadataItem] | None = None


class RecentJob(Model):
    """The job that a schedule made last."""

    id: str | None = None
    url: str | None = None


class JobScheduleExecutionInfo(Model):
    """What a schedule has done and will do."""

    next_run_time: str | None = None
    recent_job: RecentJob | None = None
    end_time: str | None = None


class JobSchedule(JobScheduleAdd, kw_only=True):
    """A schedule as the service shows it."""

    url: str
    e_tag: str
    last_modified: str
    creation_time: str
    state: JobScheduleState
    state_transition_time: str
    previous_state: JobScheduleState | None = None
    previous_state_transition_time: str | None = None
    execution_info: JobScheduleExecutionInfo
    stats: JobScheduleStatistics | None = None


class JobSchedulePatch(Body):
    """PATCH jobschedules/{jobScheduleId}: what is absent stays as it is."""

    schedule: Maybe[Schedule] = UNSET
    job_specification: Maybe[JobSpecification] = UNSET
    metadata: Maybe[list[MetadataItem]] = UNSET


class JobScheduleReplace(Replacement, kw_only=True):
    """PUT jobschedules/{jobScheduleId}: what is absent goes back to its default."""

    job_specification: JobSpecification
    schedule: Schedule | None = None
    metadata: list[MetadataItem] | None = None


def normal_schedule(given: Schedule) -> Schedule:
    """A schedule with its times and time spans as the service repeats them."""
    return replace(
        given,
        do_not_run_until=given.do_not_run_until and normal_time(given.do_not_run_until),
        do_not_run_after=given.do_not_run_after and normal_time(given.do_not_run_after),
        start_window=given.start_window and normal(given.start_window),
        recurrence_interval=given.recurrence_interval and normal(given.recurrence_interval),
    )


def new_schedule(add: JobScheduleAdd, url: str) -> JobSchedule:
    """The schedule that the service makes of what a client added."""
    e_tag, time = stamp()
    schedule = JobSchedule(
        **fields(add),
        url=url,
        e_tag=e_tag,
        last_modified=time,
        creation_time=time,
        state=JobScheduleState.ACTIVE,
        state_transition_time=time,
        execution_info=JobScheduleExecutionInfo(),
    )
    schedule.schedule = normal_schedule(add.schedule)
    fill_job(schedule.job_specification)
    return schedule
