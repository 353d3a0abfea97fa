"""Jobs: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from typing import Any

from tests.emulator.golden.flows import delete, flow, get, patch, post, put
from tests.emulator.golden.pools import AUTO_USER, MACHINE, SCHEDULING, SHOWN_MACHINE, steady
from tests.emulator.golden.pools import POOL as POOL
from tests.emulator.golden.pools import request as pool
from tests.emulator.golden.recorded import (
    ETAG,
    LONGEST,
    TEXT,
    TIME,
    Answer,
    Body,
    answer,
    created,
    done,
    listed,
    read,
    refused,
)

TRAFFIC = "azure-batch-traffic"
PYTHON = "python test_batch_jobs"
JS = "js job_operations_test"
FORCED = "net TerminateJob"
CLI = "cli test_batch_jobs_and_tasks"

JOB = "/jobs/{job}"
STATUS = f"{JOB}/jobpreparationandreleasetaskstatus"

PREPARATION = {
    "jobPreparationTask": {
        "id": "jobpreparation",
        "commandLine": TEXT,
        "constraints": {"maxWallClockTime": LONGEST, "retentionTime": "P7D", "maxTaskRetryCount": 0},
        "userIdentity": AUTO_USER,
        "waitForSuccess": True,
        "rerunOnNodeRebootAfterSuccess": True,
    },
    "jobReleaseTask": {
        "id": "jobrelease",
        "commandLine": TEXT,
        "maxWallClockTime": "PT15M",
        "retentionTime": "P7D",
        "userIdentity": AUTO_USER,
    },
}
AUTO_POOL = {
    "poolInfo": {
        "autoPoolSpecification": {
            "poolLifetimeOption": "job",
            "keepAlive": False,
            "pool": {
                "vmSize": "standard_d2_v2",
                "taskSlotsPerNode": 1,
                "taskSchedulingPolicy": SCHEDULING,
                "resizeTimeout": "PT15M",
                "targetDedicatedNodes": 0,
                "targetLowPriorityNodes": 0,
                "enableAutoScale": False,
                "enableInterNodeCommunication": False,
                "virtualMachineConfiguration": SHOWN_MACHINE,
            },
        }
    }
}


def shown(name: str = "{job}", *, of: object = "{pool}", **more: Any) -> Body:
    """A job as it is shown; `of` is the pool that it runs on."""
    execution = {"startTime": TIME, "poolId": of} | more.pop("executionInfo", {})
    return {
        "id": name,
        "url": "{endpoint}/jobs/" + name,
        "eTag": ETAG,
        "lastModified": TIME,
        "creationTime": TIME,
        "state": "active",
        "stateTransitionTime": TIME,
        "priority": 0,
        "maxParallelTasks": -1,
        "usesTaskDependencies": False,
        "allowTaskPreemption": False,
        "constraints": limits(0),
        "poolInfo": {"poolId": of},
        "executionInfo": execution,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    } | more


def limits(retries: int, time: str = LONGEST) -> Body:
    """A job's constraints."""
    return {"maxWallClockTime": time, "maxTaskRetryCount": retries}


def one(sources: str, **more: Any) -> Answer:
    """The answer to a GET of a job."""
    return read("get_job", sources, "jobs", shown(**more))


def moved(state: str, before: str = "active") -> Body:
    """A state and the one before, which is never one that the service passes through by itself."""
    return {"state": state, "previousState": before, "previousStateTransitionTime": TIME}


CREATED = created("create_job", f"{TRAFFIC} 7, {PYTHON}, {JS} create a job", "/jobs/job-1")
EXISTS = refused(
    "create_job", "python test_batch_exception_policy", 409, "JobExists", "The specified job already exists."
)
PLAIN = one(f"{TRAFFIC} 9, {JS} create a job")
NOT_FOUND = refused("get_job", PYTHON, 404, "JobNotFound", "The specified job does not exist.")
REPLACED = done("replace_job", f"{PYTHON}, {JS} replace a job", 200, JOB)
AFTER_REPLACE = one(f"{JS} replace a job", priority=500, constraints=limits(3))
PATCHED = done("update_job", f"{TRAFFIC} 27, {PYTHON}", 200, JOB)
DISABLED = done("disable_job", f"{PYTHON}, {JS} disable a job", 202, f"{JOB}/disable")
ENABLED = done("enable_job", f"{PYTHON}, {JS} enable a job", 202, f"{JOB}/enable")
TERMINATED = done("terminate_job", f"{PYTHON}, {FORCED}", 202, f"{JOB}/terminate")
DELETED = answer("delete_job", f"{TRAFFIC} 13, {PYTHON}", 202)

WHOLE: Body = {"of": TEXT, "priority": 900, "constraints": limits(3), **PREPARATION, **AUTO_POOL}
ENDING: Body = {
    "of": TEXT,
    "onAllTasksComplete": "terminatejob",
    "onTaskFailure": "performexitoptionsjobaction",
    **AUTO_POOL,
}
REASON = {"executionInfo": {"terminateReason": "golden reason"}}
ENDED = {"executionInfo": {"terminateReason": "golden reason", "endTime": TIME}}

WITH_AUTO_POOL = one(PYTHON, **WHOLE)
SECOND = one(PYTHON, name="{job}-second", **ENDING)
BOTH = listed("list_jobs", PYTHON, "jobs", shown(**WHOLE), shown("{job}-second", **ENDING))
IS_DISABLED = one(PYTHON, **WHOLE, **moved("disabled"))
IS_ENABLED = one(PYTHON, **WHOLE, **moved("active", "disabled"))
NOTHING_PREPARED = listed(
    "list_job_preparation_and_release_task_status", PYTHON, "jobpreparationandreleasetaskstatuslist"
)
NOTHING_TO_PREPARE = refused(
    "list_job_preparation_and_release_task_status",
    f"{JS} fail to get job prep release status",
    409,
    "JobPreparationTaskOrReleaseTaskNotSpecified",
    "The specified job does not have either job preparation task or job release task.",
)
TERMINATING = one(PYTHON, **WHOLE, **moved("terminating"), **REASON)
COMPLETED = one(PYTHON, **WHOLE, **moved("completed"), **ENDED)
DELETING = one(PYTHON, name="{job}-second", **ENDING, **moved("deleting"))

BY_USER = {"terminateReason": "UserTerminate"}
FORCED_OUT = one(FORCED, **PREPARATION, **moved("terminating"), executionInfo=BY_USER)
FORCED_TO_END = one(FORCED, **PREPARATION, **moved("completed"), executionInfo=BY_USER | {"endTime": TIME})

MANAGED = {
    "jobManagerTask": {
        "id": "manager",
        "commandLine": TEXT,
        "environmentSettings": [{"name": "GOLDEN", "value": "yes"}],
        "constraints": {"maxWallClockTime": LONGEST, "retentionTime": "P7D", "maxTaskRetryCount": 5},
        "requiredSlots": 1,
        "userIdentity": AUTO_USER,
        "runExclusive": True,
        "allowLowPriorityNode": True,
        "killJobOnCompletion": True,
    }
}
NOTED = {"metadata": [{"name": "colour", "value": "blue"}]}
WITH_MANAGER = one(CLI, **MANAGED, **NOTED, constraints=limits(5))
# A PATCH replaces the constraints as a whole; a PUT also what it leaves out, but never the job's own tasks.
MANAGER_PATCHED = one(
    CLI, **MANAGED, **NOTED, constraints=limits(0, "P1279DT12H30M5S"), onAllTasksComplete="terminatejob"
)
MANAGER_REPLACED = one(CLI, **MANAGED, onAllTasksComplete="terminatejob")
CHANGED_MEANWHILE = refused(
    "replace_job",
    CLI,
    412,
    "ConditionNotMet",
    "The condition specified using HTTP conditional header(s) is not met.",
)

_auto_pool = {
    "autoPoolSpecification": {
        "poolLifetimeOption": "job",
        "pool": {"vmSize": "standard_d2_v2", "virtualMachineConfiguration": MACHINE},
    }
}
_both = {
    "jobPreparationTask": {"commandLine": "/bin/true"},
    "jobReleaseTask": {"commandLine": "/bin/true"},
}

FLOWS = (
    flow(
        "python test_batch_jobs",
        post("/jobs", CREATED, body={"id": "{job}", "poolInfo": _auto_pool, **_both}),
        put(
            JOB,
            REPLACED,
            body={"priority": 500, "constraints": {"maxTaskRetryCount": 3}, "poolInfo": _auto_pool},
        ),
        patch(JOB, PATCHED, body={"priority": 900}),
        get(JOB, WITH_AUTO_POOL),
        post(
            "/jobs",
            CREATED,
            body={
                "id": "{job}-second",
                "onAllTasksComplete": "terminatejob",
                "onTaskFailure": "performexitoptionsjobaction",
                "poolInfo": _auto_pool,
            },
        ),
        get(f"{JOB}-second", SECOND),
        get("/jobs", BOTH, filter="startswith(id,'{job}')"),
        post(f"{JOB}/disable", DISABLED, body={"disableTasks": "requeue"}),
        get(JOB, IS_DISABLED).wait("state", "disabled"),
        post(f"{JOB}/enable", ENABLED),
        get(JOB, IS_ENABLED).wait("state", "active"),
        get(STATUS, NOTHING_PREPARED),
        post(f"{JOB}/terminate", TERMINATED, body={"terminateReason": "golden reason"}),
        get(JOB, TERMINATING),
        get(JOB, COMPLETED).wait("state", "completed"),
        delete(f"{JOB}-second", DELETED),
        get(f"{JOB}-second", DELETING),
        get(f"{JOB}-second", NOT_FOUND).wait("code", "JobNotFound"),
    ),
    flow(
        "a job of a pool",
        post("/pools", body=pool(0)),
        post("/jobs", CREATED, body={"id": "{job}", "poolInfo": {"poolId": "{pool}"}}),
        get(JOB, PLAIN),
        post("/jobs", EXISTS, body={"id": "{job}", "poolInfo": {"poolId": "{pool}"}}),
        put(
            JOB,
            REPLACED,
            body={
                "priority": 500,
                "constraints": {"maxTaskRetryCount": 3},
                "poolInfo": {"poolId": "{pool}"},
            },
        ),
        get(JOB, AFTER_REPLACE),
        get(STATUS, NOTHING_TO_PREPARE),
        delete(JOB, DELETED, force="true"),
        get(JOB, NOT_FOUND).wait("code", "JobNotFound"),
    ),
    flow(
        "a job terminated by force",
        post("/pools", body=pool(0)),
        get(POOL).wait(*steady),
        post("/jobs", CREATED, body={"id": "{job}", "poolInfo": {"poolId": "{pool}"}, **_both}),
        post(f"{JOB}/terminate", TERMINATED, force="true"),
        get(JOB, FORCED_OUT, FORCED_TO_END),
        get(JOB, FORCED_TO_END).wait("state", "completed"),
    ),
    flow(
        "a job with a manager task",
        post("/pools", body=pool(0)),
        post(
            "/jobs",
            CREATED,
            body={
                "id": "{job}",
                "constraints": {"maxTaskRetryCount": 5},
                "jobManagerTask": {
                    "id": "manager",
                    "commandLine": "/bin/true",
                    "environmentSettings": [{"name": "GOLDEN", "value": "yes"}],
                },
                "poolInfo": {"poolId": "{pool}"},
                "metadata": [{"name": "colour", "value": "blue"}],
            },
        ),
        get(JOB, WITH_MANAGER),
        patch(
            JOB,
            PATCHED,
            body={
                "onAllTasksComplete": "terminatejob",
                "constraints": {"maxWallClockTime": "P3Y6M4DT12H30M5S"},
            },
        ),
        get(JOB, MANAGER_PATCHED),
        put(
            JOB,
            CHANGED_MEANWHILE,
            body={"poolInfo": {"poolId": "{pool}"}, "onAllTasksComplete": "terminatejob"},
            headers={"If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"},
        ),
        put(
            JOB,
            REPLACED,
            body={"poolInfo": {"poolId": "{pool}"}, "onAllTasksComplete": "terminatejob"},
        ),
        get(JOB, MANAGER_REPLACED),
    ),
)
