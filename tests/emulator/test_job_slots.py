"""Which tasks of jobs run first, how many run at once, and how they are counted."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from azure.batch import BatchClient, models

from tests.support.batch import (
    Gate,
    has_completed,
    make_pool,
    new_job,
    new_pool,
    new_task,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of two nodes with two slots each."""
    return make_pool(client, "pool", 2, task_slots_per_node=2)


# -- what comes first -----------------------------------------------------------------------


@pytest.mark.operation("update_job")
def test_priority_counts_as_it_is_when_a_slot_is_free(
    client: BatchClient, gate: Gate, tmp_path: Path
) -> None:
    client.create_pool(new_pool("single", 1))
    wait_for_nodes(client, "single")
    client.create_job(new_job("holds", "single"))
    client.create_task("holds", new_task("task", gate.script()))
    wait_for_task(client, "holds", "task", "running")
    order = tmp_path / "order"
    for job_id, priority in (("low", 0), ("high", 500), ("raised", -500)):
        client.create_job(new_job(job_id, "single", priority=priority))
        for number in range(2):
            client.create_task(job_id, new_task(f"t{number}", f"echo {job_id} >> {order}"))
    client.update_job("raised", models.BatchJobUpdateOptions(priority=1000))
    gate.open()
    for job_id in ("low", "high", "raised"):
        wait_for(partial(has_completed, client, job_id, 2))
    assert order.read_text().split() == ["raised", "raised", "high", "high", "low", "low"]


@pytest.mark.operation("update_job", "get_job_task_counts")
def test_no_more_tasks_run_at_once_than_the_job_allows(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("narrow", pool, max_parallel_tasks=1))
    client.create_tasks("narrow", [new_task(f"t{number}", gate.script()) for number in range(5)])

    def running() -> int:
        return client.get_job_task_counts("narrow").task_counts.running

    wait_for(lambda: running() == 1)
    # what could start beside it has started by the time that another job's task has come to its end
    client.create_job(new_job("beside", pool))
    client.create_task("beside", new_task("task"))
    wait_for_task(client, "beside", "task")
    assert running() == 1
    client.update_job("narrow", models.BatchJobUpdateOptions(max_parallel_tasks=3))
    wait_for(lambda: running() == 3)
    client.update_job("narrow", models.BatchJobUpdateOptions(max_parallel_tasks=-1))
    wait_for(lambda: running() == 4)
    gate.open()
    wait_for(lambda: client.get_job_task_counts("narrow").task_counts.completed == 5)


# -- counted --------------------------------------------------------------------------------


@pytest.mark.operation("get_job_task_counts")
def test_counts_add_up_at_every_moment(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("counted", pool))
    slots = [1 + number % 2 for number in range(40)]
    client.create_tasks(
        "counted",
        [
            new_task(f"t{number}", f"exit {number % 3}", required_slots=need)
            for number, need in enumerate(slots)
        ],
    )

    def look() -> models.BatchTaskCountsResult:
        counts = client.get_job_task_counts("counted")
        for told, everything in ((counts.task_counts, 40), (counts.task_slot_counts, sum(slots))):
            assert told.active + told.running + told.completed == everything
            assert told.succeeded + told.failed == told.completed
        assert counts.task_slot_counts.running <= 4
        return counts

    ended = wait_for(look, lambda counts: counts.task_counts.completed == 40)
    assert ended.task_counts.succeeded == 14
    assert ended.task_slot_counts.failed == sum(need for number, need in enumerate(slots) if number % 3 != 0)


@pytest.mark.operation("get_job_task_counts", "delete_task", "reactivate_task")
def test_counts_follow_deleted_and_reactivated_tasks(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("recounted", pool))
    client.create_task("recounted", new_task("fails", "exit 1", required_slots=2))
    client.create_task("recounted", new_task("runs", gate.script()))
    wait_for_task(client, "recounted", "fails")
    wait_for_task(client, "recounted", "runs", "running")

    def told() -> tuple[dict[str, int], dict[str, int]]:
        counts = client.get_job_task_counts("recounted")
        return dict(counts.task_counts), dict(counts.task_slot_counts)

    nothing = {"active": 0, "running": 0, "completed": 0, "succeeded": 0, "failed": 0}
    assert told() == (
        nothing | {"running": 1, "completed": 1, "failed": 1},
        nothing | {"running": 1, "completed": 2, "failed": 2},
    )
    client.reactivate_task("recounted", "fails")
    wait_for(lambda: told()[0]["completed"] == 1)
    client.delete_task("recounted", "runs")
    assert told() == (
        nothing | {"completed": 1, "failed": 1},
        nothing | {"completed": 2, "failed": 2},
    )
    client.delete_task("recounted", "fails")
    assert told() == (nothing, nothing)
