"""The account: what the real service answered, and the flows that ask the emulator the same."""

from __future__ import annotations

from dataclasses import replace

from tests.emulator.golden.flows import flow, get, post
from tests.emulator.golden.pools import POOL
from tests.emulator.golden.pools import request as pool
from tests.emulator.golden.recorded import TEXT, TIME, Kind, listed, refused

_states = (
    "creating deallocated deallocating idle leavingPool offline preempted rebooting reimaging running "
    "starting startTaskFailed unusable unknown upgradingOS waitingForStartTask total"
)
_no_nodes = dict.fromkeys(_states.split(), 0)

NODE_COUNTS = listed(
    "list_pool_node_counts",
    "js pool_operations_test get pool node counts",
    "poolnodecounts",
    {"poolId": "{pool}", "dedicated": _no_nodes, "lowPriority": _no_nodes},
)
IMAGES = listed(
    "list_supported_images",
    "azure-batch-traffic 0",
    "supportedimages",
    {
        "imageReference": {"publisher": TEXT, "offer": TEXT, "sku": TEXT, "version": "latest"},
        "verificationType": TEXT,
        "nodeAgentSKUId": TEXT,
        "capabilities?": [TEXT],
        "batchSupportEndOfLife?": TIME,
        "osType": TEXT,
    },
)
USAGE = listed(
    "list_pool_usage_metrics",
    "net PoolGetPoolUsageMetrics",
    "poolusagemetrics",
    {
        "poolId": TEXT,
        "startTime": TIME,
        "endTime": TIME,
        "vmSize": TEXT,
        "totalCoreHours": Kind.NUMBER,
    },
)
APPLICATIONS = listed(
    "list_applications",
    "net GetandListApplication",
    "listapplicationsummariesresponses",
    {"id": TEXT, "versions": [TEXT]},
)
STRANGER = refused(
    "create_task_collection",
    "java testAddMultiTasksWithError",
    403,
    "AuthenticationFailed",
    "Server failed to authenticate the request. "
    "Make sure the value of Authorization header is formed correctly including the signature.",
    AuthenticationErrorDetail=TEXT,
)

FLOWS = (
    flow(
        "node counts",
        post("/pools", body=pool(0)),
        get(POOL).wait("allocationState", "steady"),
        get("/nodecounts", NODE_COUNTS, filter="poolId eq '{pool}'"),
    ),
    flow("supported images", get("/supportedimages", IMAGES)),
    flow("usage metrics", get("/poolusagemetrics", USAGE)),
    flow("applications", get("/applications", APPLICATIONS)),
    flow(
        "another account",
        replace(
            post("/jobs/{job}/addtaskcollection", STRANGER, body={"value": []}), account="strangeraccount"
        ),
    ),
)
