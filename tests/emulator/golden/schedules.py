"""Job schedules: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from typing import Any

from tests.emulator.golden.flows import delete, flow, get, head, patch, post, put
from tests.emulator.golden.jobs import shown as job
from tests.emulator.golden.pools import request as pool
from tests.emulator.golden.recorded import (
    ETAG,
    LONGEST,
    TEXT,
    TIME,
    Answer,
    Body,
    Kind,
    answer,
    created,
    done,
    listed,
    read,
    refused,
)

JS = "js job_schedule_operations_test"
SCHEDULE = "/jobschedules/{schedule}"


def one(sources: str, plan: Body, *, named: bool = False, **more: Any) -> Answer:
    """The answer to a GET of a job schedule."""
    runs = {"recentJob": {"url": "{endpoint}/jobs/{schedule}:job-1", "id": "{schedule}:job-1"}}
    body = {
        "id": "{schedule}",
        "url": "{endpoint}/jobschedules/{schedule}",
        "eTag": ETAG,
        "lastModified": TIME,
        "creationTime": TIME,
        "state": "active",
        "stateTransitionTime": TIME,
        "schedule": plan,
        "jobSpecification": {
            **({"displayName": TEXT} if named else {}),
            "priority": 0,
            "maxParallelTasks": -1,
            "allowTaskPreemption": False,
            "usesTaskDependencies": False,
            "onAllTasksComplete": "noaction",
            "onTaskFailure": "noaction",
            "constraints": {"maxWallClockTime": LONGEST, "maxTaskRetryCount": 0},
            "poolInfo": {"poolId": "{pool}"},
        },
        **more,
        "executionInfo": runs | more.get("executionInfo", {"nextRunTime": TIME}),
    }
    return read("get_job_schedule", sources, "jobschedules", body)


def moved(state: str, before: str) -> Body:
    """A state and the one before."""
    return {"state": state, "previousState": before, "previousStateTransitionTime": TIME}


EVERY_TWO_MINUTES = {"doNotRunAfter": TIME, "recurrenceInterval": "PT2M"}
EVERY_SIX_HOURS = {"recurrenceInterval": "PT6H"}
EVERY_THREE_HOURS = {"startWindow": "PT1H", "recurrenceInterval": "PT3H"}

CREATED = created("create_job_schedule", f"{JS} create a job schedule", SCHEDULE)
NEW = one(f"{JS} create a job schedule, {JS} get a job schedule reference", EVERY_TWO_MINUTES, named=True)
IS_THERE = answer(
    "job_schedule_exists", f"{JS} check if a job schedule exists", etag=ETAG, last_modified=Kind.DATE
)
JOBS = listed(
    "list_jobs_from_schedule",
    f"{JS} list jobs from job schedule",
    "jobs",
    job("{schedule}:job-1", displayName=TEXT),
)
REPLACED = done("replace_job_schedule", f"{JS} replace a job schedule", 200, SCHEDULE)
AFTER_REPLACE = one(f"{JS} replace a job schedule", EVERY_SIX_HOURS)
PATCHED = done("update_job_schedule", f"{JS} update a job schedule", 200, SCHEDULE)
AFTER_PATCH = one(f"{JS} update a job schedule", EVERY_THREE_HOURS)
DISABLED = done("disable_job_schedule", f"{JS} disable a job schedule", 204, f"{SCHEDULE}/disable")
IS_DISABLED = one(f"{JS} disable a job schedule", EVERY_THREE_HOURS, **moved("disabled", "active"))
ENABLED = done("enable_job_schedule", f"{JS} enable a job schedule", 204, f"{SCHEDULE}/enable")
IS_ENABLED = one(f"{JS} enable a job schedule", EVERY_THREE_HOURS, **moved("active", "disabled"))
_ending = f"{JS} terminate a job schedule"
TERMINATED = done("terminate_job_schedule", _ending, 202, f"{SCHEDULE}/terminate")
TERMINATING = one(_ending, EVERY_THREE_HOURS, **moved("terminating", "active"), executionInfo={})
COMPLETED = one(_ending, EVERY_THREE_HOURS, **moved("completed", "active"), executionInfo={"endTime": TIME})
DELETED = answer("delete_job_schedule", f"{JS} delete a job schedule", 202)
NOT_FOUND = refused(
    "get_job_schedule",
    f"{JS} delete a job schedule",
    404,
    "JobScheduleNotFound",
    "The specified job schedule does not exist.",
)

_every_job = {"poolInfo": {"poolId": "{pool}"}}

FLOWS = (
    flow(
        "the life of a job schedule",
        post("/pools", body=pool(0)),
        post(
            "/jobschedules",
            CREATED,
            body={
                "id": "{schedule}",
                "schedule": {"doNotRunAfter": "2100-01-01T00:00:00Z", "recurrenceInterval": "PT2M"},
                "jobSpecification": {"displayName": "golden", **_every_job},
            },
        ),
        get(SCHEDULE, NEW).wait("executionInfo.recentJob.id", "{schedule}:job-1"),
        head(SCHEDULE, IS_THERE),
        get(f"{SCHEDULE}/jobs", JOBS),
        put(SCHEDULE, REPLACED, body={"schedule": EVERY_SIX_HOURS, "jobSpecification": _every_job}),
        get(SCHEDULE, AFTER_REPLACE),
        patch(SCHEDULE, PATCHED, body={"schedule": EVERY_THREE_HOURS}),
        get(SCHEDULE, AFTER_PATCH),
        post(f"{SCHEDULE}/disable", DISABLED),
        get(SCHEDULE, IS_DISABLED),
        post(f"{SCHEDULE}/enable", ENABLED),
        get(SCHEDULE, IS_ENABLED),
        post(f"{SCHEDULE}/terminate", TERMINATED),
        get(SCHEDULE, TERMINATING, COMPLETED),
        get(SCHEDULE, COMPLETED).wait("state", "completed"),
        delete(SCHEDULE, DELETED),
        get(SCHEDULE, NOT_FOUND).wait("code", "JobScheduleNotFound"),
    ),
)
