"""What becomes of jobs when the service is killed and started again."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    QUICKLY,
    Gate,
    as_sent,
    disable_job,
    make_pool,
    new_job,
    new_pool,
    new_task,
    read_file,
    shell,
    task_states,
    terminate_job,
    wait_for,
    wait_for_job,
    wait_for_task,
)


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of two nodes with two slots each."""
    return make_pool(client, "pool", 2, task_slots_per_node=2)


@pytest.fixture(scope="module")
def before_death(
    client: BatchClient, emulator: Emulator, pool: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Jobs as they were before the service was killed; it has been started again since."""
    gate = Gate(tmp_path_factory.mktemp("death") / "gate")
    stubborn = f'trap "" TERM; echo deaf; {gate.script()}'
    client.create_job(new_job("pending", "none", priority=6, display_name="kept"))
    client.create_job(new_job("over", pool))
    terminate_job(client, "over")
    client.create_job(new_job("asleep", "none"))
    client.create_task("asleep", new_task("task"))
    disable_job(client, "asleep")
    client.create_pool(new_pool("mortal", 2, task_slots_per_node=4))
    manager = models.BatchJobManagerTask(id="manager", command_line=shell(gate.script()), run_exclusive=False)
    client.create_job(new_job("managed", "mortal", job_manager_task=manager))
    wait_for_task(client, "managed", "manager", "running")
    for job_id in ("half-ended", "half-gone", "half-off"):
        client.create_job(new_job(job_id, "mortal"))
        client.create_task(job_id, new_task("task", stubborn))
        wait_for_task(client, job_id, "task", "running")
        wait_for(partial(read_file, client, job_id, "task"))
    client.create_job(new_job("mortal", "mortal"))
    client.create_tasks("mortal", [new_task(f"t{number}", gate.script()) for number in range(6)])
    wait_for(lambda: client.get_job_task_counts("mortal").task_counts.running == 4)
    client.begin_terminate_job("half-ended", options=as_sent(terminateReason="why"), **QUICKLY)
    client.begin_delete_job("half-gone", **QUICKLY)
    client.begin_disable_job("half-off", models.BatchJobDisableOptions(disable_tasks="wait"), **QUICKLY)
    before = {job.id: dict(job) for job in client.list_jobs()}
    emulator.kill()
    gate.open()
    emulator.restart()
    return before


@pytest.mark.operation("get_job", "list_tasks")
@pytest.mark.parametrize("job_id", ["pending", "over", "asleep"])
def test_job_is_the_same_after_the_death_of_the_service(
    client: BatchClient, before_death: dict[str, dict[str, Any]], job_id: str
) -> None:
    (after,) = client.list_jobs(filter=f"id eq '{job_id}'")
    assert dict(after) == before_death[job_id]
    assert task_states(client, job_id) == ({"task": "active"} if job_id == "asleep" else {})


@pytest.mark.operation("get_job", "get_job_task_counts")
@pytest.mark.usefixtures("before_death")
def test_tasks_run_again_after_the_death_of_the_service(client: BatchClient) -> None:
    counts = wait_for(
        lambda: client.get_job_task_counts("mortal").task_counts, lambda counts: counts.completed == 6
    )
    assert (counts.succeeded, counts.active, counts.running) == (6, 0, 0)
    requeues = [
        task.execution_info.requeue_count for task in client.list_tasks("mortal") if task.execution_info
    ]
    assert sorted(requeues) == [0, 0, 1, 1, 1, 1]


@pytest.mark.operation("get_job")
@pytest.mark.usefixtures("before_death")
def test_manager_runs_again_after_the_death_of_the_service(client: BatchClient) -> None:
    job = wait_for_job(client, "managed")
    assert job.execution_info is not None
    assert job.execution_info.termination_reason == "JMComplete"
    assert task_states(client, "managed") == {"manager": "completed"}


@pytest.mark.operation("get_job", "list_tasks")
@pytest.mark.usefixtures("before_death")
def test_jobs_go_on_ending_after_the_death_of_the_service(client: BatchClient) -> None:
    ended = wait_for_job(client, "half-ended")
    assert ended.execution_info is not None
    assert ended.execution_info.termination_reason == "why"
    assert task_states(client, "half-ended") == {"task": "completed"}
    wait_for(lambda: "half-gone" not in [job.id for job in client.list_jobs()])
    wait_for_job(client, "half-off", "disabled")
    assert task_states(client, "half-off") == {"task": "active"}
