"""Which tasks run on which nodes at the same time: slots are never exceeded, nor idle beside what fits."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    has_completed,
    make_job,
    make_pool,
    new_pool,
    new_task,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import execution_of, node_id_of
from tests.support.wire import wire

SLOTS = 4


@pytest.fixture(scope="module")
def spreading(client: BatchClient) -> str:
    """A pool of two nodes with four slots each."""
    return make_pool(client, "spreading", 2, task_slots_per_node=SLOTS)


@pytest.fixture(scope="module")
def packing(client: BatchClient) -> str:
    """A pool like that, whose nodes are filled one after another."""
    policy = models.BatchTaskSchedulingPolicy(node_fill_type="pack")
    return make_pool(client, "packing", 2, task_slots_per_node=SLOTS, task_scheduling_policy=policy)


def add(client: BatchClient, job_id: str, *sizes: int, script: str = "sleep 600") -> None:
    """Add tasks t0, t1, ... of these sizes."""
    client.create_task_collection(
        job_id,
        models.BatchTaskGroup(
            task_values=[
                new_task(f"t{number}", script, required_slots=size) for number, size in enumerate(sizes)
            ]
        ),
    )


def running(client: BatchClient, job_id: str) -> set[str]:
    return {str(task.id) for task in client.list_tasks(job_id, filter="state eq 'running'")}


def nodes_of(client: BatchClient, job_id: str) -> Counter[str]:
    """How many tasks of a job run on each node."""
    return Counter(node_id_of(task) for task in client.list_tasks(job_id))


def finish(client: BatchClient, job_id: str, pool_id: str) -> None:
    """Delete a job and wait until its nodes are idle."""
    client.begin_delete_job(job_id)
    wait_for_nodes(client, pool_id, 2)


@pytest.mark.operation("get_job_task_counts", "list_nodes")
def test_tasks_that_fit_go_ahead_and_the_earliest_gets_the_room_that_comes_free(
    client: BatchClient, spreading: str
) -> None:
    job = make_job(client, spreading)
    add(client, job, 3, 3, 2, 1, 1, 1, 5)
    assert wait_for(lambda: running(client, job), lambda found: len(found) == 4) == {"t0", "t1", "t3", "t4"}
    counts = client.get_job_task_counts(job)
    assert counts.task_counts.as_dict() == {
        "active": 3,
        "running": 4,
        "completed": 0,
        "succeeded": 0,
        "failed": 0,
    }
    assert (counts.task_slot_counts.active, counts.task_slot_counts.running) == (8, 8)
    assert [node.running_task_slots_count for node in client.list_nodes(spreading)] == [4, 4]
    assert [node.running_tasks_count for node in client.list_nodes(spreading)] == [2, 2]
    client.terminate_task(job, "t0")
    for name in ("t2", "t5"):
        wait_for_task(client, job, name, "running")
    assert node_id_of(client.get_task(job, "t2")) == node_id_of(client.get_task(job, "t0"))
    assert client.get_task(job, "t6").state == "active"  # it never fits
    finish(client, job, spreading)


@pytest.mark.operation("list_nodes", "get_job_task_counts")
def test_slots_are_never_exceeded_and_all_counts_agree(
    emulator: Emulator, client: BatchClient, spreading: str, tmp_path: Path
) -> None:
    job, log = make_job(client, spreading), tmp_path / "log"
    sizes = [3, 2, 1, 1, 2, 3, 1, 2] * 6
    add(
        client,
        job,
        *sizes,
        script=f"echo $AZ_BATCH_NODE_ID + $AZ_BATCH_TASK_ID >> {log}; "
        f"sleep 0.15; echo $AZ_BATCH_NODE_ID - $AZ_BATCH_TASK_ID >> {log}",
    )
    agreed, fullest = 0, 0
    with wire(emulator) as http:

        def on_nodes() -> list[tuple[int, int, int]]:
            """Slots in use, tasks that run, and all that ever began, by node."""
            nodes = http.get(f"/pools/{spreading}/nodes").json()["value"]
            names = ("runningTaskSlotsCount", "runningTasksCount", "totalTasksRun")
            return [(node[names[0]], node[names[1]], node[names[2]]) for node in nodes]

        while True:
            before = on_nodes()
            counts = http.get(f"/jobs/{job}/taskcounts").json()
            tasks, slots = counts["taskCounts"], counts["taskSlotCounts"]
            assert all(used <= SLOTS for used, _, _ in before)
            assert tasks["active"] + tasks["running"] + tasks["completed"] == len(sizes)
            assert slots["active"] + slots["running"] + slots["completed"] == sum(sizes)
            if on_nodes() == before:  # nothing has happened in between
                assert slots["running"] == sum(used for used, _, _ in before)
                assert tasks["running"] == sum(running for _, running, _ in before)
                agreed += 1
            fullest = max(fullest, slots["running"])
            if tasks["completed"] == len(sizes):
                break
    assert tasks["succeeded"] == len(sizes)
    assert agreed > 10
    assert fullest == 2 * SLOTS
    used: Counter[str] = Counter()
    lines = log.read_text().splitlines()
    for line in lines:
        node, sign, name = line.split()
        used[node] += sizes[int(name[1:])] * (1 if sign == "+" else -1)
        assert used[node] <= SLOTS
    assert len(lines) == 2 * len(sizes)
    finish(client, job, spreading)


def test_tasks_are_spread_over_nodes_or_packed_onto_few(
    client: BatchClient, spreading: str, packing: str
) -> None:
    for pool_id, loads in ((spreading, [2, 2]), (packing, [4])):
        job = make_job(client, pool_id)
        add(client, job, 1, 1, 1, 1)
        wait_for(partial(running, client, job), lambda found: len(found) == 4)
        assert sorted(nodes_of(client, job).values()) == loads
        finish(client, job, pool_id)


def test_a_job_of_higher_priority_goes_first(client: BatchClient, packing: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    blocker = make_job(client, packing, priority=-1)
    add(client, blocker, 4, 4)
    wait_for(lambda: running(client, blocker), lambda found: len(found) == 2)
    jobs = [make_job(client, packing, priority=priority) for priority in (-5, 10, 0)]
    for job in jobs:
        add(client, job, 4, 4, script=f"echo $AZ_BATCH_JOB_ID >> {log}")
    client.terminate_task(blocker, "t0")
    for job in jobs:
        wait_for(partial(has_completed, client, job, 2))
    low, high, middle = jobs
    assert log.read_text().split() == [high] * 2 + [middle] * 2 + [low] * 2
    client.begin_delete_job(blocker)
    for job in jobs:
        finish(client, job, packing)


def test_a_task_waits_for_a_node_that_is_not_yet_there(client: BatchClient) -> None:
    job = make_job(client, "later")
    add(client, job, 1, script="true")
    assert client.get_task(job, "t0").state == "active"
    client.create_pool(new_pool("later", 1))
    assert execution_of(wait_for_task(client, job, "t0")).result == "success"
