"""Nodes of pools."""

from __future__ import annotations

from urllib.parse import quote

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import nodes as models
from azurebatch_emulator.protocol.models.files import UploadLogs
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption
from azurebatch_emulator.protocol.models.users import NodeUserAdd, NodeUserReplace
from azurebatch_emulator.state.node_life import ManagedNode
from azurebatch_emulator.web import node_logs
from azurebatch_emulator.web.lists import ENTITIES, in_order
from azurebatch_emulator.web.operation import JSON, Answer, Call, operation

_SSH_PORT = 22


def _node(call: Call) -> ManagedNode:
    return call.account.pool(call.parameters["poolId"]).node(call.parameters["nodeId"])


@operation("GET", "/pools/{poolId}/nodes")
def list_nodes(call: Call) -> Answer:
    """GET pools/{poolId}/nodes."""
    nodes = call.account.pool(call.parameters["poolId"]).nodes
    items = ((key, node.current()) for key, node in in_order(nodes, call.query))
    return call.page(items, "nodes")


@operation("GET", "/pools/{poolId}/nodes/{nodeId}")
def get_node(call: Call) -> Answer:
    """GET pools/{poolId}/nodes/{nodeId}."""
    return call.element(_node(call).current(), "nodes")


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/reboot")
def reboot_node(call: Call) -> Answer:
    """POST nodes/{nodeId}/reboot."""
    node, body = _node(call), call.body(models.NodeReboot, models.NodeReboot())
    node.life.restart(models.NodeState.REBOOTING, body.node_reboot_option)
    return call.done(202)


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/reimage")
def reimage_node(call: Call) -> Answer:
    """POST nodes/{nodeId}/reimage."""
    node, body = _node(call), call.body(models.NodeReimage, models.NodeReimage())
    node.life.restart(models.NodeState.REIMAGING, body.node_reimage_option)
    return call.done(202)


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/start")
def start_node(call: Call) -> Answer:
    """POST nodes/{nodeId}/start."""
    _node(call).life.start()
    return call.done(202)


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/deallocate")
def deallocate_node(call: Call) -> Answer:
    """POST nodes/{nodeId}/deallocate."""
    node, body = _node(call), call.body(models.NodeDeallocate, models.NodeDeallocate())
    node.life.deallocate(body.node_deallocate_option)
    return call.done(202)


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/disablescheduling")
def disable_node_scheduling(call: Call) -> Answer:
    """POST nodes/{nodeId}/disablescheduling."""
    node, body = _node(call), call.body(models.NodeDisableScheduling, models.NodeDisableScheduling())
    option = body.node_disable_scheduling_option or models.DisableSchedulingOption.REQUEUE
    node.life.disable_scheduling(NodeDeallocationOption(option.value))
    return call.done()


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/enablescheduling")
def enable_node_scheduling(call: Call) -> Answer:
    """POST nodes/{nodeId}/enablescheduling."""
    _node(call).life.enable_scheduling()
    return call.done()


@operation("GET", "/pools/{poolId}/nodes/{nodeId}/remoteloginsettings")
def get_node_remote_login_settings(call: Call) -> Answer:
    """GET nodes/{nodeId}/remoteloginsettings."""
    node = _node(call)
    node.require_ready()
    settings = models.RemoteLoginSettings(
        remote_login_ip_address=node.resource.ip_address, remote_login_port=_SSH_PORT
    )
    answer = call.element(settings, f"{ENTITIES}RemoteLoginSettings")
    return Answer(200, {"Content-Type": JSON, "DataServiceId": call.url}, answer.body)


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/uploadbatchservicelogs")
async def upload_node_logs(call: Call) -> Answer:
    """POST nodes/{nodeId}/uploadbatchservicelogs."""
    node = _node(call)
    node.require_ready()
    result = await node_logs.upload(node, call.storage, call.body(UploadLogs))
    return call.element(result, f"{ENTITIES}UploadBatchServiceLogsResult")


@operation("POST", "/pools/{poolId}/nodes/{nodeId}/users")
def create_node_user(call: Call) -> Answer:
    """POST nodes/{nodeId}/users."""
    node, add = _node(call), call.body(NodeUserAdd)
    node.require_ready()
    if add.name.lower() in node.users:
        raise BatchServiceError("NodeUserExists")
    node.users.add(add.name.lower())
    url = f"{call.url}/{quote(add.name, safe='')}"
    return Answer(201, {"DataServiceId": url, "Location": url})


@operation("PUT", "/pools/{poolId}/nodes/{nodeId}/users/{userName}")
def replace_node_user(call: Call) -> Answer:
    """PUT nodes/{nodeId}/users/{userName}."""
    _require_user(call)
    call.body(NodeUserReplace)
    return call.done()


@operation("DELETE", "/pools/{poolId}/nodes/{nodeId}/users/{userName}")
def delete_node_user(call: Call) -> Answer:
    """DELETE nodes/{nodeId}/users/{userName}."""
    node = _require_user(call)
    node.users.discard(call.parameters["userName"].lower())
    return Answer(200)


@operation("GET", "/pools/{poolId}/nodes/{nodeId}/extensions")
def list_node_extensions(call: Call) -> Answer:
    """GET nodes/{nodeId}/extensions: nodes have none."""
    _node(call)
    return call.page((), "extensions")


@operation("GET", "/pools/{poolId}/nodes/{nodeId}/extensions/{extensionName}")
def get_node_extension(call: Call) -> Answer:
    """GET nodes/{nodeId}/extensions/{extensionName}: nodes have none."""
    _node(call)
    raise BatchServiceError("NodeExtensionNotFound")


def _require_user(call: Call) -> ManagedNode:
    node = _node(call)
    node.require_ready()
    if call.parameters["userName"].lower() not in node.users:
        raise BatchServiceError("NodeUserNotFound")
    return node
