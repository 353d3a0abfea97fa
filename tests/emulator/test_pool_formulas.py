"""Pools that size themselves by a formula."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models

from tests.support.batch import (
    code_of,
    new_pool,
    wait_for_nodes,
    wait_for_steady,
    wait_for_task,
)
from tests.support.definite import definite, execution_of
from tests.support.pool_sizes import current, occupy, resize, targets


def scale(client: BatchClient, pool_id: str, formula: str | None, minutes: float | None = None) -> None:
    client.enable_pool_auto_scale(
        pool_id,
        models.BatchPoolEnableAutoScaleOptions(
            auto_scale_formula=formula,
            auto_scale_evaluation_interval=None if minutes is None else timedelta(minutes=minutes),
        ),
    )


@pytest.mark.operation("create_pool", "get_pool")
def test_pool_can_be_made_to_size_itself(client: BatchClient) -> None:
    client.create_pool(
        new_pool(
            "self",
            target_dedicated_nodes=None,
            enable_auto_scale=True,
            auto_scale_formula="$TargetDedicatedNodes=1; $TargetLowPriorityNodes=1;",
        )
    )
    wait_for_nodes(client, "self", 2)
    pool = wait_for_steady(client, "self")
    assert (targets(pool), current(pool)) == ((1, 1), (1, 1))
    assert (pool.enable_auto_scale, pool.auto_scale_evaluation_interval) == (True, timedelta(minutes=15))
    assert definite(pool.auto_scale_run).error is None
    assert definite(definite(pool.auto_scale_run).results).startswith(
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=1;"
    )


@pytest.mark.operation("enable_pool_auto_scale", "disable_pool_auto_scale", "get_pool", "resize_pool")
@pytest.mark.partial("enable_pool_auto_scale", "may be called more often than every 30 seconds")
def test_formula_takes_over_and_leaves_off(client: BatchClient) -> None:
    client.create_pool(new_pool("scaling", 0))
    before = wait_for_steady(client, "scaling")
    assert code_of(lambda: scale(client, "scaling", None)) == "MissingRequiredProperty"
    scale(client, "scaling", "$TargetDedicatedNodes = 2", 6)
    pool = client.get_pool("scaling")
    assert pool.etag != before.etag
    assert (pool.enable_auto_scale, targets(pool)) == (True, (2, 0))
    assert pool.auto_scale_formula == "$TargetDedicatedNodes = 2"
    assert pool.auto_scale_evaluation_interval == timedelta(minutes=6)
    wait_for_nodes(client, "scaling", 2)
    wait_for_steady(client, "scaling")
    more = models.BatchPoolResizeOptions(target_dedicated_nodes=3)
    assert code_of(lambda: client.begin_resize_pool("scaling", more)) == "OperationNotValidOnPool"
    scale(client, "scaling", None, 10)
    pool = client.get_pool("scaling")
    assert pool.auto_scale_formula == "$TargetDedicatedNodes = 2"
    assert pool.auto_scale_evaluation_interval == timedelta(minutes=10)
    scale(client, "scaling", "$TargetDedicatedNodes = 1")
    wait_for_nodes(client, "scaling", 1)
    wait_for_steady(client, "scaling")
    client.disable_pool_auto_scale("scaling")
    pool = client.get_pool("scaling")
    assert (pool.enable_auto_scale, targets(pool), pool.allocation_state) == (False, (1, 0), "steady")
    assert pool.auto_scale_formula is None
    assert pool.auto_scale_evaluation_interval is None
    assert pool.auto_scale_run is None
    resize(client, "scaling", target_dedicated_nodes=0)


@pytest.mark.operation("enable_pool_auto_scale")
def test_formula_says_what_becomes_of_the_tasks_on_nodes_that_go(client: BatchClient, tmp_path: Path) -> None:
    occupy(client, "patient", tmp_path)
    scale(client, "patient", "$TargetDedicatedNodes = 0; $NodeDeallocationOption = taskcompletion;")
    wait_for_nodes(client, "patient", state="leavingpool")
    (tmp_path / "go").touch()
    assert execution_of(wait_for_task(client, "patient", "task")).requeue_count == 0
    wait_for_steady(client, "patient")
    assert list(client.list_nodes("patient")) == []


@pytest.mark.operation("enable_pool_auto_scale", "create_pool")
def test_formula_or_interval_that_cannot_be_is_refused(client: BatchClient) -> None:
    client.create_pool(new_pool("strict", 0))
    wait_for_steady(client, "strict")
    for formula, minutes, code in (
        ("$TargetDedicatedNodes = ", None, "AutoScalingFormulaSyntaxError"),
        ("$TargetDedicatedNodes = 1", 4, "InvalidPropertyValue"),
        ("$TargetDedicatedNodes = 1", 168 * 60 + 1, "InvalidPropertyValue"),
    ):
        assert code_of(partial(scale, client, "strict", formula, minutes)) == code
        options: dict[str, Any] = {
            "target_dedicated_nodes": None,
            "enable_auto_scale": True,
            "auto_scale_formula": formula,
            "auto_scale_evaluation_interval": None if minutes is None else timedelta(minutes=minutes),
        }
        assert code_of(partial(client.create_pool, new_pool("never", **options))) == code
        assert code_of(lambda: client.get_pool("never")) == "PoolNotFound"
    assert client.get_pool("strict").enable_auto_scale is False


@pytest.mark.operation("evaluate_pool_auto_scale")
def test_formula_is_evaluated_without_being_applied(client: BatchClient) -> None:
    client.create_pool(new_pool("trial", 1))
    wait_for_nodes(client, "trial")
    wait_for_steady(client, "trial")
    more = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 3")
    wrong = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = $nothing")
    assert code_of(lambda: client.evaluate_pool_auto_scale("trial", more)) == "OperationNotValidOnPool"
    scale(client, "trial", "$TargetDedicatedNodes = $CurrentDedicatedNodes")
    run = client.evaluate_pool_auto_scale("trial", more)
    assert run.error is None
    assert run.results == "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    failed = client.evaluate_pool_auto_scale("trial", wrong)
    assert definite(failed.error).code == "AutoScalingFormulaEvaluationError"
    assert definite(failed.error).message == "The specified auto-scaling formula has evaluation error"
    assert definite(failed.results).startswith("$TargetDedicatedNodes=1;")
    assert targets(client.get_pool("trial")) == (1, 0)
