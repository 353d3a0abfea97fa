"""Job manager tasks: the first of a job, which may end it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models

from tests.support.batch import (
    QUICKLY,
    Gate,
    disable_job,
    make_pool,
    new_job,
    new_pool,
    new_task,
    shell,
    wait_for_job,
    wait_for_nodes,
    wait_for_task,
)


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of one node with two slots."""
    return make_pool(client, task_slots_per_node=2)


def managed_job(
    job_id: str, pool: str, script: str, options: dict[str, Any] | None = None, **of_manager: Any
) -> models.BatchJobCreateOptions:
    """A job whose manager runs a script."""
    manager = models.BatchJobManagerTask(id="manager", command_line=shell(script), **of_manager)
    return new_job(job_id, pool, job_manager_task=manager, **(options or {}))


def ended_by(client: BatchClient, job_id: str) -> str | None:
    execution = wait_for_job(client, job_id).execution_info
    assert execution is not None
    return execution.termination_reason


@pytest.mark.operation("create_job", "get_task", "list_tasks")
def test_manager_is_a_task_of_its_job(client: BatchClient, pool: str) -> None:
    options = {"constraints": models.BatchJobConstraints(max_task_retry_count=3)}
    setting = [models.EnvironmentSetting(name="OWN", value="set")]
    job = managed_job(
        "shows", "none", "true", options, display_name="It steers", environment_settings=setting
    )
    client.create_job(job)
    assert [task.id for task in client.list_tasks("shows")] == ["manager"]
    told = client.get_task("shows", "manager").as_dict()
    assert (told["state"], told["displayName"], told["requiredSlots"]) == ("active", "It steers", 1)
    assert told["constraints"]["maxTaskRetryCount"] == 3
    assert told["environmentSettings"] == [{"name": "OWN", "value": "set"}]


@pytest.mark.operation("create_job")
@pytest.mark.parametrize("script", ["exit 0", "exit 1"])
def test_job_ends_with_its_manager_however_that_ends(
    client: BatchClient, pool: str, gate: Gate, script: str
) -> None:
    job_id = f"ends-{script[-1]}"
    client.create_job(managed_job(job_id, pool, gate.script(script), run_exclusive=False))
    client.create_task(job_id, new_task("runs", "sleep 1000"))
    wait_for_task(client, job_id, "runs", "running")
    client.create_task(job_id, new_task("waits"))
    gate.open()
    assert ended_by(client, job_id) == "JMComplete"
    states = {task.id: task.state for task in client.list_tasks(job_id)}
    assert states == {"manager": "completed", "runs": "completed", "waits": "active"}


@pytest.mark.operation("terminate_task")
def test_job_ends_when_its_manager_is_terminated(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(managed_job("topples", pool, gate.script()))
    wait_for_task(client, "topples", "manager", "running")
    client.terminate_task("topples", "manager")
    assert ended_by(client, "topples") == "JMComplete"


@pytest.mark.operation("create_job")
def test_job_may_outlive_its_manager(client: BatchClient, pool: str, gate: Gate, tmp_path: Path) -> None:
    options = {"all_tasks_complete_mode": models.BatchAllTasksCompleteMode.TERMINATE_JOB}
    managing = Gate(tmp_path / "managing")
    client.create_job(managed_job("outlives", pool, managing.script(), options, kill_job_on_completion=False))
    client.create_task("outlives", new_task("task", gate.script()))
    managing.open()
    wait_for_task(client, "outlives", "manager")
    wait_for_task(client, "outlives", "task", "running")
    assert client.get_job("outlives").state == "active"
    gate.open()
    assert ended_by(client, "outlives") == "AllTasksComplete"


@pytest.mark.operation("create_job")
def test_manager_comes_before_the_other_tasks(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("holds", pool))
    client.create_task("holds", new_task("task", gate.script(), required_slots=2))
    wait_for_task(client, "holds", "task", "running")
    client.create_job(managed_job("steers", pool, "true", kill_job_on_completion=False))
    client.create_task("steers", new_task("task"))
    gate.open()
    times = [wait_for_task(client, "steers", task_id).execution_info for task_id in ("manager", "task")]
    manager, task = times
    assert manager is not None
    assert task is not None
    assert manager.end_time is not None
    assert task.start_time is not None
    assert manager.end_time <= task.start_time


@pytest.mark.operation("create_job")
def test_manager_has_its_node_for_itself_unless_it_shares(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(managed_job("alone", pool, gate.script()))
    wait_for_task(client, "alone", "manager", "running")
    client.create_job(managed_job("shares", pool, gate.script(), run_exclusive=False))
    client.create_job(new_job("other", pool))
    client.create_task("other", new_task("task"))
    assert client.get_task("other", "task").state == "active"
    assert client.get_job_task_counts("alone").task_slot_counts.running == 1
    client.begin_delete_job("alone", **QUICKLY).result()
    wait_for_task(client, "shares", "manager", "running")
    wait_for_task(client, "other", "task")
    gate.open()
    assert ended_by(client, "shares") == "JMComplete"


@pytest.mark.operation("create_job")
def test_manager_may_keep_off_low_priority_nodes(client: BatchClient, gate: Gate) -> None:
    client.create_pool(new_pool("mixed", 0, target_low_priority_nodes=1))
    client.create_job(managed_job("early", "mixed", "true", allow_low_priority_node=False))
    wait_for_nodes(client, "mixed")
    client.create_job(managed_job("late", "mixed", "true", allow_low_priority_node=False))
    client.create_job(managed_job("content", "mixed", "true"))
    assert ended_by(client, "content") == "JMComplete"
    assert {client.get_task(job_id, "manager").state for job_id in ("early", "late")} == {"active"}
    client.begin_resize_pool("mixed", models.BatchPoolResizeOptions(target_dedicated_nodes=1), **QUICKLY)
    for job_id in ("early", "late"):
        assert ended_by(client, job_id) == "JMComplete"
        where = client.get_task(job_id, "manager").node_info
        assert where is not None
        assert where.node_id is not None
        assert where.node_id.endswith("_d")


@pytest.mark.operation("create_job", "disable_job", "enable_job")
def test_job_that_was_disabled_ends_with_its_manager_when_it_is_enabled(
    client: BatchClient, pool: str, gate: Gate
) -> None:
    client.create_job(managed_job("rests", pool, gate.script()))
    wait_for_task(client, "rests", "manager", "running")
    disable_job(client, "rests", "terminate")
    assert client.get_job("rests").state == "disabled"
    client.begin_enable_job("rests", **QUICKLY)
    assert ended_by(client, "rests") == "JMComplete"
