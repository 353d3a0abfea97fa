"""Pools: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from typing import Any

from tests.emulator.golden.flows import delete, flow, get, head, patch, post
from tests.emulator.golden.recorded import (
    ETAG,
    INTEGER,
    TEXT,
    TIME,
    Answer,
    Body,
    Kind,
    answer,
    created,
    done,
    listed,
    metadata,
    read,
    refused,
)

TRAFFIC = "azure-batch-traffic"
JS = "js pool_operations_test"
SCALING = "js autoscale_operations"
REMOVING = "net PoolRemoveNodes"

POOL = "/pools/{pool}"
MACHINE = {
    "imageReference": {"publisher": "golden", "offer": "golden", "sku": "golden"},
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}
AUTO_USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
START_TASK = {
    "commandLine": TEXT,
    "userIdentity": AUTO_USER,
    "maxTaskRetryCount": 0,
    "waitForSuccess": True,
}
SCHEDULING = {"nodeFillType": "Spread", "jobDefaultOrder": "none"}
SHOWN_MACHINE: Body = {
    "imageReference": {"publisher": TEXT, "offer": TEXT, "sku": TEXT, "version": "latest"},
    "nodeAgentSKUId": TEXT,
}


def request(nodes: int, **more: Any) -> Body:
    """A pool to create; the service writes its size in small letters."""
    return {
        "id": "{pool}",
        "vmSize": "STANDARD_D2_V2",
        "virtualMachineConfiguration": MACHINE,
        "targetDedicatedNodes": nodes,
        **more,
    }


def shown(allocation: str = "steady", current: object = 0, target: object = 0, **more: Any) -> Body:
    """A pool as it is shown."""
    return {
        "id": "{pool}",
        "url": "{endpoint}/pools/{pool}",
        "eTag": ETAG,
        "lastModified": TIME,
        "creationTime": TIME,
        "state": "active",
        "stateTransitionTime": TIME,
        "allocationState": allocation,
        "allocationStateTransitionTime": TIME,
        "vmSize": "standard_d2_v2",
        "resizeTimeout": "PT15M",
        "currentDedicatedNodes": current,
        "targetDedicatedNodes": target,
        "currentLowPriorityNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": SCHEDULING,
        "virtualMachineConfiguration": SHOWN_MACHINE,
    } | more


def one(sources: str, *arguments: Any, **more: Any) -> Answer:
    """The answer to a GET of a pool."""
    return read("get_pool", sources, "pools", shown(*arguments, **more))


CREATED = created("create_pool", f"{TRAFFIC} 1, net TaskReactive", POOL)
EXISTS = refused("create_pool", f"{TRAFFIC} 20", 409, "PoolExists", "The specified pool already exists.")
EMPTY_BEGINS = one(f"net TaskReactive, {JS} start and wait for pool resizing", "resizing")
EMPTY = one(f"net TaskReactive, {JS} start and wait for pool resizing")
BEGINS = one(f"{TRAFFIC} 2, {TRAFFIC} 14", "resizing", 0, 1)
READY = one(f"{TRAFFIC} 3, {TRAFFIC} 15", "steady", 1, 1)
DELETED = answer("delete_pool", f"{TRAFFIC} 25, {JS} delete a pool", 202)
NOT_FOUND = refused(
    "get_pool",
    "python test_batch_exception_policy",
    404,
    "PoolNotFound",
    "The specified pool does not exist.",
)

FETCHING = {
    "displayName": TEXT,
    "startTask": {
        "commandLine": TEXT,
        "resourceFiles": [{"httpUrl": TEXT, "filePath": TEXT}],
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "admin"}},
        "maxTaskRetryCount": 0,
        "waitForSuccess": True,
    },
}
BEGINS_FETCHING = one(f"{TRAFFIC} 23", "resizing", 0, 0, **FETCHING)
READY_TO_FETCH = one(f"{TRAFFIC} 24", "steady", 0, 0, **FETCHING)
SOURCES_OF_RESIZES = f"{JS} start and wait for pool resizing"
RESIZED = done("resize_pool", SOURCES_OF_RESIZES, 202, f"{POOL}/resize")
RESIZING = one(SOURCES_OF_RESIZES, "resizing", 0, 1)
STOPPED = done("stop_pool_resize", f"{JS} stop pool resizing", 202, f"{POOL}/stopresize")
STOPPING = one(f"{JS} stop pool resizing", "stopping", INTEGER, INTEGER)
HALTED = one(f"{JS} stop pool resizing", "steady", INTEGER, INTEGER)

WITHOUT_TARGET = refused(
    "resize_pool",
    "java testResizeErrorCases",
    400,
    "MissingRequiredProperty",
    "A required property was not specified in the request body.",
    PropertyName="targetDedicatedNodes and/or targetLowPriorityNodes",
)
NOTHING_TO_RESIZE = refused(
    "resize_pool",
    "java testResizeErrorCases",
    404,
    "PoolNotFound",
    "The specified pool does not exist.",
)
TOO_FEW_RESULTS = refused(
    "list_pools",
    f"{JS} fail to list pools with invalid max",
    400,
    "InvalidQueryParameterValue",
    "Value for one of the query parameters specified in the request URI is invalid.",
    QueryParameterName="maxresults",
    QueryParameterValue="-5",
    Reason="MaxResults cannot be less than 1",
)

IS_THERE = answer("pool_exists", f"{JS} check that pool exists", etag=ETAG, last_modified=Kind.DATE)
LISTED = listed("list_pools", f"{JS} list pools according to filter", "pools", shown())
FIRST_PAGE = listed(
    "list_pools", f"{JS} list a maximum number of pools", "pools", shown(), **{"odata.nextLink": TEXT}
)
PATCHED = done("update_pool", f"{JS} patch pool parameters", 200, POOL)
BLUE = one(f"{JS} patch pool parameters", metadata=[{"name": "colour", "value": "blue"}])
REPLACED = done("replace_pool_properties", f"{JS} update pool parameters", 204, f"{POOL}/updateproperties")
RED = one(
    f"{JS} update pool parameters",
    startTask=START_TASK,
    metadata=[{"name": "colour", "value": "red"}],
)

# The timeout of a pool that is deleted is one of the service's own.
DELETING = one(
    f"{JS} delete a pool",
    "resizing",
    INTEGER,
    0,
    state="deleting",
    resizeTimeout=TEXT,
    startTask=START_TASK,
    metadata=[{"name": "colour", "value": "red"}],
)

FORMULA = "$TargetDedicatedNodes=2"
SCALED = done("enable_pool_auto_scale", f"{SCALING} enable autoscale", 200, f"{POOL}/enableautoscale")
SCALING_UP = one(
    f"{SCALING} enable autoscale",
    "resizing",
    INTEGER,
    2,
    enableAutoScale=True,
    autoScaleFormula=FORMULA,
    autoScaleEvaluationInterval="PT6M",
)
SCALED_NO_MORE = done(
    "disable_pool_auto_scale", f"{SCALING} disable autoscale", 200, f"{POOL}/disableautoscale"
)
SCALE_STOPPING = one(f"{SCALING} disable autoscale", "stopping", INTEGER, 2)


def evaluated(sources: str, nodes: int, **more: Any) -> Answer:
    """What a formula comes to; the errors in it do not make the request fail."""
    body = metadata("Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun") | {
        "timestamp": TIME,
        "results": f"$TargetDedicatedNodes={nodes};$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue",
        **more,
    }
    return answer(
        "evaluate_pool_auto_scale",
        sources,
        200,
        body,
        dataserviceid="{endpoint}/pools/{pool}/evaluateautoscale",
    )


THREE = evaluated(f"{SCALING} evaluate pool autoscale", 3)
NO_FORMULA = evaluated(
    f"{SCALING} fail to evaluate invalid autoscale formula",
    2,
    error={
        "code": "AutoScalingFormulaEvaluationError",
        "message": "The specified auto-scaling formula has evaluation error",
        "values": [{"name": "Message", "value": TEXT}],
    },
)

REMOVED = done("remove_nodes", REMOVING, 202, f"{POOL}/removenodes")
LOSING = one(REMOVING, "resizing", 2, 1)
LOST = one(REMOVING, "steady", 1, 1)

steady = ("allocationState", "steady")

FLOWS = (
    flow(
        "the life of a pool",
        post("/pools", CREATED, body=request(0)),
        get(POOL, EMPTY_BEGINS, EMPTY),
        get(POOL, EMPTY).wait(*steady),
        post("/pools", EXISTS, body=request(0)),
        head(POOL, IS_THERE),
        get("/pools", LISTED, filter="id eq '{pool}'"),
        patch(POOL, PATCHED, body={"metadata": [{"name": "colour", "value": "blue"}]}),
        get(POOL, BLUE),
        post(
            f"{POOL}/updateproperties",
            REPLACED,
            body={
                "startTask": {"commandLine": "/bin/true"},
                "applicationPackageReferences": [],
                "metadata": [{"name": "colour", "value": "red"}],
            },
        ),
        get(POOL, RED),
        delete(POOL, DELETED),
        get(POOL, DELETING),
        get(POOL, NOT_FOUND).wait("code", "PoolNotFound"),
    ),
    flow(
        "a pool of one node",
        post("/pools", CREATED, body=request(1)),
        get(POOL, BEGINS),
        get(POOL, READY).wait(*steady),
        delete(POOL, DELETED),
    ),
    flow(
        "a pool with a start task",
        post(
            "/pools",
            CREATED,
            body=request(
                0,
                displayName="golden",
                startTask={
                    "commandLine": "/bin/bash -c 'cat script'",
                    "resourceFiles": [{"httpUrl": "{endpoint}/script", "filePath": "script"}],
                    "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "admin"}},
                    "waitForSuccess": True,
                },
            ),
        ),
        get(POOL, BEGINS_FETCHING, READY_TO_FETCH),
        get(POOL, READY_TO_FETCH).wait(*steady),
    ),
    flow(
        "a resize, stopped",
        post("/pools", body=request(0)),
        get(POOL).wait(*steady),
        post(f"{POOL}/resize", RESIZED, body={"targetDedicatedNodes": 1, "targetLowPriorityNodes": 0}),
        get(POOL, RESIZING),
        get(POOL).wait(*steady),
        post(f"{POOL}/resize", RESIZED, body={"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}),
        post(f"{POOL}/stopresize", STOPPED),
        get(POOL, STOPPING, HALTED),
        get(POOL, HALTED).wait(*steady),
    ),
    flow(
        "requests about no pool",
        get(POOL, NOT_FOUND),
        post(f"{POOL}/resize", WITHOUT_TARGET, body={}),
        post(
            f"{POOL}/resize",
            NOTHING_TO_RESIZE,
            body={"targetDedicatedNodes": 1, "targetLowPriorityNodes": 1},
        ),
        get("/pools", TOO_FEW_RESULTS, maxresults="-5"),
    ),
    flow(
        "a page of pools",
        post("/pools", body=request(0)),
        post("/pools", body=request(0) | {"id": "{pool}-second"}),
        get(POOL).wait(*steady),
        get("/pools", FIRST_PAGE, maxresults="1", filter="startswith(id,'{pool}')"),
    ),
    flow(
        "automatic scaling",
        post("/pools", body=request(0)),
        get(POOL).wait(*steady),
        post(
            f"{POOL}/enableautoscale",
            SCALED,
            body={"autoScaleFormula": FORMULA, "autoScaleEvaluationInterval": "PT6M"},
        ),
        get(POOL, SCALING_UP),
        post(f"{POOL}/evaluateautoscale", THREE, body={"autoScaleFormula": "$TargetDedicatedNodes=3"}),
        post(f"{POOL}/evaluateautoscale", NO_FORMULA, body={"autoScaleFormula": "$nothing"}),
        post(f"{POOL}/disableautoscale", SCALED_NO_MORE),
        get(POOL, SCALE_STOPPING),
    ),
    flow(
        "a node removed",
        post("/pools", body=request(2)),
        get(f"{POOL}/nodes").wait("value.1.state", "idle").naming("node", "value.0.id"),
        post(f"{POOL}/removenodes", REMOVED, body={"nodeList": ["{node}"]}),
        get(POOL, LOSING),
        get(POOL, LOST).wait(*steady),
    ),
)
