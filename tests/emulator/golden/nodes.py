"""Nodes: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from typing import Any

from tests.emulator.golden.flows import Step, delete, flow, get, post, put
from tests.emulator.golden.pools import POOL, SHOWN_MACHINE, START_TASK
from tests.emulator.golden.pools import request as pool
from tests.emulator.golden.recorded import INTEGER, TEXT, TIME, Answer, Body, answer, listed, metadata
from tests.emulator.golden.tasks import SUCCEEDED, TASK, TASKS, on_pool, task

TRAFFIC = "azure-batch-traffic"
PYTHON = "python test_batch_files"
JS = "js compute_node_operations"

NODES = f"{POOL}/nodes"
NODE = f"{NODES}/{{node}}"


def shown(state: str, *, booted: bool = True, **more: Any) -> Body:
    """A node as it is shown."""
    boot = {"lastBootTime": TIME, "nodeAgentInfo": {"lastUpdateTime": TIME, "version": TEXT}}
    return {
        "id": "{node}",
        "url": "{endpoint}/pools/{pool}/nodes/{node}",
        "state": state,
        "schedulingState": "enabled",
        "stateTransitionTime": TIME,
        "allocationTime": TIME,
        "ipAddress": TEXT,
        "affinityId": "TVM:{node}",
        "vmSize": "standard_d2_v2",
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "runningTasksCount": 0,
        "runningTaskSlotsCount": 0,
        "isDedicated": True,
        "virtualMachineInfo": {"imageReference": SHOWN_MACHINE["imageReference"] | {"exactVersion": TEXT}},
        **(boot if booted else {}),
        **more,
    }


def one(sources: str, state: str, **more: Any) -> Answer:
    """The answer to a GET of a node, of a pool with a start task; nodes have no ETag."""
    body = shown(state, startTask=START_TASK, startTaskInfo=STARTED, **more)
    return answer("get_node", sources, 200, metadata("nodes/@Element") | body)


def acted(operation: str, sources: str, status: int, action: str, **headers: str) -> Answer:
    """What an action on a node is answered with."""
    return answer(operation, sources, status, dataserviceid="{endpoint}" + NODE + action, **headers)


STARTED = {
    "state": "completed",
    "startTime": TIME,
    "endTime": TIME,
    "exitCode": 0,
    "result": "success",
    "retryCount": 0,
}
NONE = listed("list_nodes", "net TaskReactive", "nodes")
CREATING = listed(
    "list_nodes", f"{TRAFFIC} 4, {TRAFFIC} 16, {PYTHON}", "nodes", shown("creating", booted=False)
)
STARTING = listed(
    "list_nodes", f"{TRAFFIC} 5, {TRAFFIC} 17, {PYTHON}", "nodes", shown("starting", booted=False)
)
IDLE = listed("list_nodes", f"{TRAFFIC} 6, {TRAFFIC} 18, {PYTHON}", "nodes", shown("idle"))
HAS_RUN = listed(
    "list_nodes",
    f"{TRAFFIC} 21, {TRAFFIC} 22",
    "nodes",
    shown(
        "idle",
        totalTasksRun=1,
        totalTasksSucceeded=1,
        recentTasks=[
            {
                "taskUrl": "{endpoint}/jobs/{job}/tasks/{task}",
                "jobId": "{job}",
                "taskId": "{task}",
                "taskState": "completed",
                "executionInfo": SUCCEEDED | {"retryCount": 0, "requeueCount": 0},
            }
        ],
    ),
)
ONE = one(f"{JS} get a compute node reference, {JS} enable scheduling on a compute node", "idle")
UNSCHEDULED = acted(
    "disable_node_scheduling", f"{JS} disable scheduling on a compute node", 200, "/disablescheduling"
)
OFFLINE = one(f"{JS} disable scheduling on a compute node", "offline", schedulingState="disabled")
SCHEDULED = acted(
    "enable_node_scheduling", f"{JS} enable scheduling on a compute node", 200, "/enablescheduling"
)
REBOOTED = acted("reboot_node", f"{JS} reboot a compute node", 202, "/reboot")
REBOOTING = one(f"{JS} reboot a compute node", "rebooting")
LOGS = answer(
    "upload_node_logs",
    f"{JS} upload pool node logs",
    200,
    metadata("Microsoft.Azure.Batch.Protocol.Entities.UploadBatchServiceLogsResult")
    | {"virtualDirectoryName": TEXT, "numberOfFilesUploaded": INTEGER},
)
USER_CREATED = acted(
    "create_node_user",
    f"{JS} add a user to a compute node",
    201,
    "/users/golden",
    location="{endpoint}" + NODE + "/users/golden",
)
USER_REPLACED = acted("replace_node_user", f"{JS} update a compute node user", 200, "/users/golden")
USER_DELETED = answer("delete_node_user", f"{JS} delete a compute node user")
LOGIN = answer(
    "get_node_remote_login_settings",
    "js pool_operations_test get a remote login settings",
    200,
    metadata("Microsoft.Azure.Batch.Protocol.Entities.RemoteLoginSettings")
    | {"remoteLoginIPAddress": TEXT, "remoteLoginPort": INTEGER},
    dataserviceid="{endpoint}" + NODE + "/remoteloginsettings",
)

idle = ("value.0.state", "idle")
started: tuple[Step, ...] = (
    post(
        "/pools",
        body=pool(
            1, startTask={"commandLine": "/bin/bash -c 'echo hello > hello.txt'", "waitForSuccess": True}
        ),
    ),
    get(NODES).wait(*idle).naming("node", "value.0.id"),
)
"""The first steps of a flow: a pool with one node, on which a start task has run."""

FLOWS = (
    flow(
        "nodes as they come up",
        post("/pools", body=pool(0)),
        get(NODES, NONE),
        get(POOL).wait("allocationState", "steady"),
        post(f"{POOL}/resize", body={"targetDedicatedNodes": 1}),
        get(NODES, CREATING, STARTING).wait("value.0.schedulingState", "enabled"),
        get(NODES, IDLE).wait(*idle),
    ),
    flow(
        "a node that ran a task",
        *on_pool(1),
        post(TASKS, body=task()),
        get(TASK).wait("state", "completed"),
        get(NODES, HAS_RUN).wait(*idle),
    ),
    flow(
        "a node taken off scheduling",
        *started,
        get(NODE, ONE),
        post(f"{NODE}/disablescheduling", UNSCHEDULED),
        get(NODE, OFFLINE).wait("state", "offline"),
        post(f"{NODE}/enablescheduling", SCHEDULED),
        get(NODE, ONE).wait("state", "idle"),
    ),
    flow(
        "a node rebooted",
        *started,
        post(f"{NODE}/reboot", REBOOTED),
        get(NODE, REBOOTING),
        get(NODE, ONE).wait("state", "idle"),
        refusable="a node of the emulator is no machine of its own",
    ),
    flow(
        "a node's logs",
        *started,
        post(
            f"{NODE}/uploadbatchservicelogs",
            LOGS,
            body={"containerUrl": "{container_url}", "startTime": "2026-01-01T00:00:00Z"},
        ),
    ),
    flow(
        "a node's users",
        *started,
        post(f"{NODE}/users", USER_CREATED, body={"name": "golden", "isAdmin": False}),
        put(f"{NODE}/users/golden", USER_REPLACED, body={"expiryTime": "2100-01-01T00:00:00Z"}),
        delete(f"{NODE}/users/golden", USER_DELETED),
        refusable="the emulator makes no users on the host",
    ),
    flow(
        "a node's remote login",
        *started,
        get(f"{NODE}/remoteloginsettings", LOGIN),
        refusable="nobody logs in to a node of the emulator",
    ),
)
