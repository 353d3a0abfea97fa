"""Jobs."""

from __future__ import annotations

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as models
from azurebatch_emulator.protocol.models.base import given
from azurebatch_emulator.state.job import Job
from azurebatch_emulator.web import checks
from azurebatch_emulator.web.lists import in_order
from azurebatch_emulator.web.operation import Answer, Call, operation


def _job(call: Call) -> Job:
    job = call.account.job(call.parameters["jobId"])
    call.check(job.resource)
    return job


@operation("POST", "/jobs")
def create_job(call: Call) -> Answer:
    """POST jobs."""
    add = call.body(models.JobAdd)
    checks.check_job(add)
    job = call.account.create_job(add)
    # the service answers with this address whatever the job's id is
    address = call.account.url("jobs/job-1")
    return call.created(address, job.resource)


@operation("GET", "/jobs")
def list_jobs(call: Call) -> Answer:
    """GET jobs."""
    jobs = {key: job.resource for key, job in call.account.jobs.items()}
    return call.page(in_order(jobs, call.query), "jobs")


@operation("GET", "/jobs/{jobId}")
def get_job(call: Call) -> Answer:
    """GET jobs/{jobId}."""
    return call.element(_job(call).resource, "jobs")


@operation("PATCH", "/jobs/{jobId}")
def update_job(call: Call) -> Answer:
    """PATCH jobs/{jobId}."""
    job, changes = _job(call), given(call.body(models.JobPatch))
    checks.check_metadata(changes.get("metadata"))
    if "constraints" in changes:
        changes["constraints"] = models.job_constraints(changes["constraints"])
    job.change(**{name: value for name, value in changes.items() if value is not None})
    return call.changed(job.resource)


@operation("PUT", "/jobs/{jobId}")
def replace_job(call: Call) -> Answer:
    """PUT jobs/{jobId}."""
    job, body = _job(call), call.body(models.JobReplace)
    checks.check_metadata(body.metadata)
    job.change(
        pool_info=models.job_pool(body.pool_info),
        priority=body.priority or 0,
        allow_task_preemption=bool(body.allow_task_preemption),
        max_parallel_tasks=-1 if body.max_parallel_tasks is None else body.max_parallel_tasks,
        constraints=models.job_constraints(body.constraints),
        on_all_tasks_complete=body.on_all_tasks_complete or models.OnAllTasksComplete.NO_ACTION,
        metadata=body.metadata,
    )
    return call.changed(job.resource)


@operation("DELETE", "/jobs/{jobId}")
def delete_job(call: Call) -> Answer:
    """DELETE jobs/{jobId}."""
    _job(call).life.delete(force=call.flag("force"))
    return Answer(202)


@operation("POST", "/jobs/{jobId}/disable")
def disable_job(call: Call) -> Answer:
    """POST jobs/{jobId}/disable."""
    job, body = _job(call), call.body(models.JobDisable)
    job.life.disable(body.disable_tasks)
    return call.changed(job.resource, 202)


@operation("POST", "/jobs/{jobId}/enable")
def enable_job(call: Call) -> Answer:
    """POST jobs/{jobId}/enable."""
    job = _job(call)
    job.life.enable()
    return call.changed(job.resource, 202)


@operation("POST", "/jobs/{jobId}/terminate")
def terminate_job(call: Call) -> Answer:
    """POST jobs/{jobId}/terminate."""
    job, body = _job(call), call.body(models.JobTerminate, models.JobTerminate())
    job.life.terminate(body.terminate_reason or "UserTerminate", force=call.flag("force"))
    return call.changed(job.resource, 202)


@operation("GET", "/jobs/{jobId}/taskcounts")
def get_job_task_counts(call: Call) -> Answer:
    """GET jobs/{jobId}/taskcounts."""
    return call.element(_job(call).counts.result(), "taskcountsresult")


@operation("GET", "/jobs/{jobId}/jobpreparationandreleasetaskstatus")
def list_job_preparation_and_release_task_status(call: Call) -> Answer:
    """GET jobs/{jobId}/jobpreparationandreleasetaskstatus."""
    job = _job(call)
    if job.resource.job_preparation_task is None and job.resource.job_release_task is None:
        raise BatchServiceError("JobPreparationTaskOrReleaseTaskNotSpecified")
    statuses = in_order(job.visits.statuses(), call.query)
    return call.page(statuses, "jobpreparationandreleasetaskstatuslist")
