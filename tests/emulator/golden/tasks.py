"""Tasks: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from typing import Any

from tests.emulator.golden.flows import Flow, Step, delete, flow, get, post, put
from tests.emulator.golden.jobs import CREATED as JOB_CREATED
from tests.emulator.golden.jobs import DELETED as JOB_DELETED
from tests.emulator.golden.jobs import JOB, PLAIN
from tests.emulator.golden.pools import AUTO_USER, POOL
from tests.emulator.golden.pools import CREATED as POOL_CREATED
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
    metadata,
    read,
    refused,
)

TRAFFIC = "azure-batch-traffic"
JS = "js task_operations_test"
PYTHON = "python test_batch_files"
REACTIVATING = "net TaskReactive"
CLI = "cli test_batch_task_create_cmd"

TASK = "/jobs/{job}/tasks/{task}"
TASKS = "/jobs/{job}/tasks"


def shown(**more: Any) -> Body:
    """A task as it is shown."""
    execution = more.pop("executionInfo", {}) | {"retryCount": 0, "requeueCount": 0}
    return {
        "id": "{task}",
        "url": "{endpoint}/jobs/{job}/tasks/{task}",
        "eTag": ETAG,
        "creationTime": TIME,
        "lastModified": TIME,
        "state": "active",
        "stateTransitionTime": TIME,
        "commandLine": TEXT,
        "userIdentity": AUTO_USER,
        "constraints": limits(0),
        "requiredSlots": 1,
        "executionInfo": execution,
    } | more


def limits(retries: int, *, time: str = LONGEST, retention: str = "P7D") -> Body:
    """A task's constraints."""
    return {"maxWallClockTime": time, "retentionTime": retention, "maxTaskRetryCount": retries}


def one(sources: str, **more: Any) -> Answer:
    """The answer to a GET of a task."""
    return read("get_task", sources, "tasks", shown(**more))


def moved(state: str, before: str) -> Body:
    """A state and the one before."""
    return {"state": state, "previousState": before, "previousStateTransitionTime": TIME}


ON_NODE = {
    "nodeInfo": {
        "affinityId": "TVM:{node}",
        "nodeUrl": "{endpoint}/pools/{pool}/nodes/{node}",
        "poolId": "{pool}",
        "nodeId": "{node}",
        "taskRootDirectory": "workitems/{job}/job-1/{task}",
        "taskRootDirectoryUrl": ("{endpoint}/pools/{pool}/nodes/{node}/files/workitems/{job}/job-1/{task}"),
    }
}
SUCCEEDED = {"startTime": TIME, "endTime": TIME, "exitCode": 0, "result": "success"}
COMPLETED = {**moved("completed", "running"), "executionInfo": SUCCEEDED, **ON_NODE}
KEPT_AN_HOUR = {
    "constraints": limits(0, retention="PT1H"),
    "outputFiles": [
        {
            "filePattern": "$AZ_BATCH_TASK_DIR/*.txt",
            "destination": {"container": {"containerUrl": TEXT}},
            "uploadOptions": {"uploadCondition": "TaskSuccess"},
        }
    ],
}

ADDED = listed(
    "create_task_collection",
    f"{TRAFFIC} 8, {TRAFFIC} 26, {TRAFFIC} 28, net AddTaskCollection",
    "taskaddresult",
    {"status": "Success", "taskId": TEXT, "eTag": ETAG, "lastModified": TIME, "location": TEXT},
)
LISTED_ACTIVE = listed("list_tasks", f"{TRAFFIC} 10", "tasks", shown(**KEPT_AN_HOUR))
LISTED_RUNNING = listed(
    "list_tasks",
    f"{TRAFFIC} 19",
    "tasks",
    shown(**KEPT_AN_HOUR, **moved("running", "active"), executionInfo={"startTime": TIME}, **ON_NODE),
)
LISTED_COMPLETED = listed("list_tasks", f"{TRAFFIC} 11", "tasks", shown(**KEPT_AN_HOUR, **COMPLETED))
UPLOADED = one(f"{TRAFFIC} 12", **KEPT_AN_HOUR, **COMPLETED)

CREATED = created("create_task", f"{PYTHON}, {JS} create a task", TASK)
ACTIVE = one(f"{PYTHON}, {REACTIVATING}")
SUCCESS = one(PYTHON, **COMPLETED)
TERMINATED = done("terminate_task", f"{REACTIVATING}, {JS} terminate a task", 204, f"{TASK}/terminate")
ENDED = one(
    f"{JS} terminate a task",
    **moved("completed", "active"),
    executionInfo={
        "endTime": TIME,
        "failureInfo": {
            "category": "UserError",
            "code": "TaskEnded",
            "message": "Task Was Ended by User Request",
        },
        "result": "failure",
    },
    nodeInfo={},
)
REACTIVATED = answer(
    "reactivate_task",
    f"{REACTIVATING}, {JS} reactivate a task",
    204,
    etag=ETAG,
    last_modified=TERMINATED.headers["last-modified"],
)
ACTIVE_AGAIN = one(f"{JS} reactivate a task", **moved("active", "completed"))
REPLACED = done("replace_task", "net TaskUpdate", 200, TASK)
AFTER_REPLACE = one("net TaskUpdate", constraints=limits(3))
DELETED = answer("delete_task", f"{JS} delete a task, {CLI}")
NOT_FOUND = refused(
    "get_task", f"{JS} delete a task", 404, "TaskNotFound", "The specified task does not exist."
)
NOT_A_PROGRAM = one(
    f"{JS} create a task with a user identity",
    **moved("completed", "running"),
    executionInfo={
        "startTime": TIME,
        "endTime": TIME,
        "failureInfo": {
            "category": "UserError",
            "code": "CommandProgramNotFound",
            "message": "The specified command program is not found",
            "details": [{"name": "Message", "value": TEXT}],
        },
        "result": "failure",
    },
    **ON_NODE,
)

IN_CONTAINER = one(
    f"{JS} create a task with container settings",
    containerSettings={"imageName": "golden", "workingDirectory": "taskWorkingDirectory"},
)
CONDITIONS = {
    "exitCodes": [{"code": 1, "exitOptions": {"jobAction": "none", "dependencyAction": "block"}}],
    "default": {"jobAction": "terminate", "dependencyAction": "satisfy"},
}
WITH_CONDITIONS = one(f"{JS} create a task with exit conditions", exitConditions=CONDITIONS)
_headers = [
    {"name": "x-ms-blob-content-type", "value": "text/plain"},
    {"name": "x-ms-blob-content-language", "value": "en-US"},
]


def outputs(on_completion: str, on_failure: str) -> Body:
    """Two output files, with the conditions as they are asked for or shown."""
    out = {"path": "logs/out", "containerUrl": "{endpoint}/golden", "uploadHeaders": _headers}
    err = {"path": "logs/err", "containerUrl": "{endpoint}/golden"}
    return {
        "outputFiles": [
            {
                "filePattern": f"../{name}.txt",
                "destination": {"container": container},
                "uploadOptions": {"uploadCondition": condition},
            }
            for name, container, condition in (
                ("stdout", out, on_completion),
                ("stderr", err, on_failure),
            )
        ]
    }


WITH_OUTPUTS = one(f"{JS} create a second task with output files", **outputs("TaskCompletion", "TaskFailure"))
TOKEN: Body = {"authenticationTokenSettings": {"access": ["job"]}}
WITH_TOKEN = one(f"{JS} create a task with authentication token settings", **TOKEN)
OF_A_USER = one(f"{JS} create a task with a user identity", userIdentity={"username": "golden"})
OF_INSTANCES = one(
    CLI,
    **TOKEN,
    displayName="golden",
    environmentSettings=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    multiInstanceSettings={"numberOfInstances": 3, "coordinationCommandLine": TEXT},
    constraints=limits(2, time="P1D"),
)
RETRIED_AS_THE_JOB = one(CLI, constraints=limits(5))
NO_SUBTASKS = listed("list_subtasks", "net TaskListSubTasks", "subtaskinfo")


def counts(active: int) -> Answer:
    """Task counts of a job that has only active tasks."""
    each = {"active": active, "running": 0, "completed": 0, "succeeded": 0, "failed": 0}
    body = metadata("taskcountsresult/@Element") | {"taskCounts": each, "taskSlotCounts": each}
    return answer("get_job_task_counts", f"{JS} count tasks, {CLI}", 200, body)


def on_pool(nodes: int, **job: Any) -> tuple[Step, ...]:
    """The first steps of a flow: a pool, its node named if there is one, and a job."""
    ready = get(f"{POOL}/nodes").wait("value.0.state", "idle").naming("node", "value.0.id")
    return (
        post("/pools", POOL_CREATED, body=pool(nodes)),
        *((ready,) if nodes else ()),
        post("/jobs", JOB_CREATED, body={"id": "{job}", "poolInfo": {"poolId": "{pool}"}, **job}),
    )


def task(command: str = "/bin/bash -c 'echo golden'", **more: Any) -> Body:
    """A task to create."""
    return {"id": "{task}", "commandLine": command, **more}


def shows(name: str, expected: Answer, body: Body, **job: Any) -> Flow:
    """A flow that creates a task where nothing runs, and looks at it."""
    return flow(name, *on_pool(0, **job), post(TASKS, CREATED, body=body), get(TASK, expected))


_uploading = task(
    outputFiles=[
        {
            "filePattern": "$AZ_BATCH_TASK_DIR/*.txt",
            "destination": {"container": {"containerUrl": "{container_url}"}},
            "uploadOptions": {"uploadCondition": "tasksuccess"},
        }
    ],
    constraints={"retentionTime": "PT1H"},
)

FLOWS = (
    flow(
        "a task added, run and uploaded",
        *on_pool(1),
        get(JOB, PLAIN),
        post(f"{JOB}/addtaskcollection", ADDED, body={"value": [_uploading]}),
        get(TASKS, LISTED_ACTIVE, LISTED_RUNNING, LISTED_COMPLETED),
        get(TASKS, LISTED_COMPLETED).wait("value.0.state", "completed"),
        get(TASK, UPLOADED),
        delete(JOB, JOB_DELETED),
    ),
    flow(
        "a task that runs",
        *on_pool(1),
        post(
            f"{JOB}/addtaskcollection",
            ADDED,
            body={"value": [_uploading | {"commandLine": "/bin/sleep 60"}]},
        ),
        get(TASKS, LISTED_RUNNING).wait("value.0.state", "running"),
        post(f"{TASK}/terminate", TERMINATED),
    ),
    flow(
        "net TaskReactive",
        *on_pool(0),
        get(JOB, PLAIN),
        post(TASKS, CREATED, body=task()),
        get(TASK, ACTIVE),
        post(f"{TASK}/terminate", TERMINATED),
        get(TASK, ENDED),
        post(f"{TASK}/reactivate", REACTIVATED),
        get(TASK, ACTIVE_AGAIN),
        delete(JOB, JOB_DELETED),
    ),
    flow(
        "a task replaced and deleted",
        *on_pool(0),
        get(f"{JOB}/taskcounts", counts(0)),
        post(TASKS, CREATED, body=task()),
        put(TASK, REPLACED, body={"constraints": {"maxTaskRetryCount": 3}}),
        get(TASK, AFTER_REPLACE),
        get(f"{JOB}/taskcounts", counts(1)),
        delete(TASK, DELETED),
        get(TASK, NOT_FOUND),
    ),
    flow(
        "a task whose program is missing",
        *on_pool(1),
        post(TASKS, CREATED, body=task("golden-no-such-program")),
        get(TASK, NOT_A_PROGRAM).wait("state", "completed"),
    ),
    shows(
        "a task in a container",
        IN_CONTAINER,
        task("cat /etc/hosts", containerSettings={"imageName": "golden"}),
    ),
    shows(
        "a task with exit conditions",
        WITH_CONDITIONS,
        task(exitConditions=CONDITIONS),
        usesTaskDependencies=True,
        onTaskFailure="performexitoptionsjobaction",
    ),
    shows("a task with output files", WITH_OUTPUTS, task(**outputs("taskcompletion", "taskfailure"))),
    shows("a task with a token", WITH_TOKEN, task(**TOKEN)),
    shows("a task of a named user", OF_A_USER, task(userIdentity={"username": "golden"})),
    shows(
        "a task of three instances",
        OF_INSTANCES,
        task(
            **TOKEN,
            displayName="golden",
            environmentSettings=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            multiInstanceSettings={"numberOfInstances": 3, "coordinationCommandLine": "/bin/true"},
            constraints={"maxWallClockTime": "P1D", "maxTaskRetryCount": 2},
        ),
    ),
    shows(
        "a task with its job's retries",
        RETRIED_AS_THE_JOB,
        task(),
        constraints={"maxWallClockTime": "P1D", "maxTaskRetryCount": 5},
    ),
    flow(
        "net TaskListSubTasks",
        *on_pool(0),
        post(
            TASKS,
            CREATED,
            body=task(
                requiredSlots=1,
                multiInstanceSettings={"numberOfInstances": 1, "coordinationCommandLine": "/bin/true"},
            ),
        ),
        get(f"{TASK}/subtasksinfo", NO_SUBTASKS),
    ),
)
