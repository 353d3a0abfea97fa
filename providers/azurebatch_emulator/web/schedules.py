"""Job schedules."""

from __future__ import annotations

from azurebatch_emulator.protocol.models import schedules as models
from azurebatch_emulator.protocol.models.base import given
from azurebatch_emulator.protocol.models.jobs import JobSpecification, fill_job
from azurebatch_emulator.state.schedule import JobSchedule
from azurebatch_emulator.web import checks
from azurebatch_emulator.web.lists import in_order
from azurebatch_emulator.web.operation import Answer, Call, operation


def _schedule(call: Call) -> JobSchedule:
    schedule = call.account.schedule(call.parameters["jobScheduleId"])
    call.check(schedule.resource)
    return schedule


@operation("POST", "/jobschedules")
def create_job_schedule(call: Call) -> Answer:
    """POST jobschedules."""
    add = call.body(models.JobScheduleAdd)
    checks.check_schedule(add.schedule)
    checks.check_job_specification(add.job_specification)
    checks.check_metadata(add.metadata)
    schedule = call.account.create_schedule(add)
    return call.created(schedule.resource.url, schedule.resource)


@operation("GET", "/jobschedules")
def list_job_schedules(call: Call) -> Answer:
    """GET jobschedules."""
    schedules = {key: schedule.resource for key, schedule in call.account.schedules.items()}
    return call.page(in_order(schedules, call.query), "jobschedules")


@operation("GET", "/jobschedules/{jobScheduleId}")
def get_job_schedule(call: Call) -> Answer:
    """GET jobschedules/{jobScheduleId}."""
    return call.element(_schedule(call).resource, "jobschedules")


@operation("HEAD", "/jobschedules/{jobScheduleId}")
def job_schedule_exists(call: Call) -> Answer:
    """HEAD jobschedules/{jobScheduleId}."""
    answer = call.element(_schedule(call).resource, "jobschedules")
    return Answer(200, {name: value for name, value in answer.headers.items() if name != "Content-Type"})


@operation("PATCH", "/jobschedules/{jobScheduleId}")
def update_job_schedule(call: Call) -> Answer:
    """PATCH jobschedules/{jobScheduleId}."""
    schedule, changes = _schedule(call), given(call.body(models.JobSchedulePatch))
    checks.check_metadata(changes.get("metadata"))
    schedule.change(**_filled(changes))
    return call.changed(schedule.resource)


@operation("PUT", "/jobschedules/{jobScheduleId}")
def replace_job_schedule(call: Call) -> Answer:
    """PUT jobschedules/{jobScheduleId}."""
    schedule, body = _schedule(call), call.body(models.JobScheduleReplace)
    checks.check_metadata(body.metadata)
    schedule.change(
        **_filled(
            {"schedule": body.schedule or models.Schedule(), "job_specification": body.job_specification}
        ),
        metadata=body.metadata,
    )
    return call.changed(schedule.resource)


@operation("DELETE", "/jobschedules/{jobScheduleId}")
def delete_job_schedule(call: Call) -> Answer:
    """DELETE jobschedules/{jobScheduleId}."""
    _schedule(call).delete(force=call.flag("force"))
    return Answer(202)


@operation("POST", "/jobschedules/{jobScheduleId}/disable")
def disable_job_schedule(call: Call) -> Answer:
    """POST jobschedules/{jobScheduleId}/disable."""
    schedule = _schedule(call)
    schedule.disable()
    return call.changed(schedule.resource, 204)


@operation("POST", "/jobschedules/{jobScheduleId}/enable")
def enable_job_schedule(call: Call) -> Answer:
    """POST jobschedules/{jobScheduleId}/enable."""
    schedule = _schedule(call)
    schedule.enable()
    return call.changed(schedule.resource, 204)


@operation("POST", "/jobschedules/{jobScheduleId}/terminate")
def terminate_job_schedule(call: Call) -> Answer:
    """POST jobschedules/{jobScheduleId}/terminate."""
    schedule = _schedule(call)
    schedule.terminate(force=call.flag("force"))
    return call.changed(schedule.resource, 202)


@operation("GET", "/jobschedules/{jobScheduleId}/jobs")
def list_jobs_from_schedule(call: Call) -> Answer:
    """GET jobschedules/{jobScheduleId}/jobs."""
    jobs = {job.key: job.resource for job in _schedule(call).jobs()}
    return call.page(in_order(jobs, call.query), "jobsofschedule")


def _filled(changes: dict[str, object]) -> dict[str, object]:
    """What a client wants to change, checked, with the service's defaults in the gaps."""
    if isinstance(schedule := changes.get("schedule"), models.Schedule):
        checks.check_schedule(schedule)
        changes["schedule"] = models.normal_schedule(schedule)
    if isinstance(specification := changes.get("job_specification"), JobSpecification):
        checks.check_job_specification(specification)
        fill_job(specification)
    return {name: value for name, value in changes.items() if value is not None}
