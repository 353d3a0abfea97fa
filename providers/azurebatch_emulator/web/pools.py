"""Pools."""

from __future__ import annotations

from collections import Counter
from typing import Any

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import nodes as node_models
from azurebatch_emulator.protocol.models import pools as models
from azurebatch_emulator.protocol.models.common import fields, given
from azurebatch_emulator.state.pool import Pool
from azurebatch_emulator.web import checks
from azurebatch_emulator.web.lists import ENTITIES, in_order
from azurebatch_emulator.web.operation import JSON, Answer, Call, operation

_LISTS = {"application_package_references", "certificate_references", "metadata"}
"""What an empty list takes away."""


def _pool(call: Call) -> Pool:
    pool = call.account.pool(call.parameters["poolId"])
    call.check(pool.resource)
    return pool


@operation("POST", "/pools")
def create_pool(call: Call) -> Answer:
    """POST pools."""
    add = call.body(models.PoolAdd)
    checks.check_pool(add)
    pool = call.account.create_pool(add)
    return call.created(pool.resource.url, pool.resource)


@operation("GET", "/pools")
def list_pools(call: Call) -> Answer:
    """GET pools."""
    pools = {key: pool.resource for key, pool in call.account.pools.items()}
    return call.page(in_order(pools, call.query), "pools")


@operation("GET", "/pools/{poolId}")
def get_pool(call: Call) -> Answer:
    """GET pools/{poolId}."""
    return call.element(_pool(call).resource, "pools")


@operation("HEAD", "/pools/{poolId}")
def pool_exists(call: Call) -> Answer:
    """HEAD pools/{poolId}."""
    answer = call.element(_pool(call).resource, "pools")
    return Answer(200, {name: value for name, value in answer.headers.items() if name != "Content-Type"})


@operation("DELETE", "/pools/{poolId}")
def delete_pool(call: Call) -> Answer:
    """DELETE pools/{poolId}."""
    _pool(call).delete()
    return Answer(202)


@operation("PATCH", "/pools/{poolId}")
def update_pool(call: Call) -> Answer:
    """PATCH pools/{poolId}."""
    pool, body = _pool(call), call.body(models.PoolPatch)
    changes = {name: value for name, value in given(body).items() if value is not None}
    _check_properties(changes)
    pool.change(**changes)
    return call.changed(pool.resource)


@operation("POST", "/pools/{poolId}/updateproperties")
def replace_pool_properties(call: Call) -> Answer:
    """POST pools/{poolId}/updateproperties."""
    pool, changes = _pool(call), fields(call.body(models.PoolReplace))
    _check_properties(changes)
    pool.change(**changes)
    return call.changed(pool.resource, 204)


@operation("POST", "/pools/{poolId}/resize")
def resize_pool(call: Call) -> Answer:
    """POST pools/{poolId}/resize."""
    body = call.body(models.PoolResize)
    if body.target_dedicated_nodes is None and body.target_low_priority_nodes is None:
        raise BatchServiceError(
            "MissingRequiredProperty", PropertyName="targetDedicatedNodes and/or targetLowPriorityNodes"
        )
    checks.check_resize_timeout(body.resize_timeout)
    pool = _pool(call)
    pool.resize(
        body.target_dedicated_nodes,
        body.target_low_priority_nodes,
        body.node_deallocation_option,
        body.resize_timeout,
    )
    return call.changed(pool.resource, 202)


@operation("POST", "/pools/{poolId}/stopresize")
def stop_pool_resize(call: Call) -> Answer:
    """POST pools/{poolId}/stopresize."""
    pool = _pool(call)
    pool.stop_resize()
    return call.changed(pool.resource, 202)


@operation("POST", "/pools/{poolId}/removenodes")
def remove_nodes(call: Call) -> Answer:
    """POST pools/{poolId}/removenodes."""
    pool, body = _pool(call), call.body(models.NodesRemove)
    checks.check_resize_timeout(body.resize_timeout)
    pool.remove_nodes(body.node_list, body.node_deallocation_option, body.resize_timeout)
    return call.changed(pool.resource, 202)


@operation("POST", "/pools/{poolId}/enableautoscale")
def enable_pool_auto_scale(call: Call) -> Answer:
    """POST pools/{poolId}/enableautoscale."""
    pool, body = _pool(call), call.body(models.PoolEnableAutoScale)
    pool.require_active()
    pool.scaling.enable(body.auto_scale_formula, body.auto_scale_evaluation_interval)
    return call.changed(pool.resource)


@operation("POST", "/pools/{poolId}/disableautoscale")
def disable_pool_auto_scale(call: Call) -> Answer:
    """POST pools/{poolId}/disableautoscale."""
    pool = _pool(call)
    pool.require_active()
    pool.scaling.disable()
    return call.changed(pool.resource)


@operation("POST", "/pools/{poolId}/evaluateautoscale")
def evaluate_pool_auto_scale(call: Call) -> Answer:
    """POST pools/{poolId}/evaluateautoscale."""
    pool, body = _pool(call), call.body(models.PoolEvaluateAutoScale)
    run = pool.scaling.evaluate(body.auto_scale_formula)
    answer = call.element(run, f"{ENTITIES}AutoScaleRun")
    return Answer(200, {"Content-Type": JSON, "DataServiceId": call.url}, answer.body)


@operation("GET", "/nodecounts")
def list_pool_node_counts(call: Call) -> Answer:
    """GET nodecounts."""
    counts = {
        key: node_models.PoolNodeCounts(
            pool_id=pool.resource.id,
            dedicated=_counts(pool, True),
            low_priority=_counts(pool, False),
        )
        for key, pool in call.account.pools.items()
    }
    return call.page(in_order(counts, call.query), "poolnodecounts")


def _counts(pool: Pool, dedicated: bool) -> node_models.NodeCounts:
    states = Counter(node.state for node in pool.nodes.values() if node.resource.is_dedicated is dedicated)
    by_state = {state.name.lower(): states[state] for state in node_models.NodeState}
    return node_models.NodeCounts(**by_state, total=states.total())


def _check_properties(changes: dict[str, Any]) -> None:
    """Refuse what cannot be set, and take an empty list for nothing."""
    checks.check_pool_properties(
        changes.get("start_task"), changes.get("metadata"), changes.get("application_package_references")
    )
    for name in _LISTS & changes.keys():
        changes[name] = changes[name] or None
