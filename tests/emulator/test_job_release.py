"""Job release tasks, and how preparation ends with its job."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from azure.batch import BatchClient

from azurebatch_emulator import Emulator
from tests.support.batch import (
    QUICKLY,
    Gate,
    as_sent,
    delete_job,
    disable_job,
    make_pool,
    new_task,
    terminate_job,
    wait_for,
    wait_for_job,
    wait_for_task,
)
from tests.support.preparation import prepared_job, statuses


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of two nodes with four slots each."""
    return make_pool(client, "pool", 2, task_slots_per_node=4)


# -- release --------------------------------------------------------------------------------


@pytest.mark.operation("terminate_job", "delete_job")
def test_release_runs_once_on_each_node_of_the_job(client: BatchClient, pool: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    job = prepared_job(
        pool, "sleep 0.05", f"cat $AZ_BATCH_JOB_PREP_DIR/stdout.txt && echo $AZ_BATCH_NODE_ID >> {log}"
    )
    client.create_job(job)
    client.create_tasks(job.id, [new_task(f"t{number}", "sleep 0.1") for number in range(8)])
    wait_for(lambda: client.get_job_task_counts(job.id).task_counts.completed == 8)
    nodes = sorted(status.node_id or "" for status in statuses(client, job.id))
    assert log.read_text() == ""
    terminate_job(client, job.id)
    assert sorted(log.read_text().split()) == nodes
    delete_job(client, job.id)
    assert sorted(log.read_text().split()) == nodes


@pytest.mark.operation("delete_job")
def test_release_runs_when_an_active_job_is_deleted(
    client: BatchClient, pool: str, tmp_path: Path, gate: Gate
) -> None:
    log = tmp_path / "log"
    job = prepared_job(pool, "true", f"echo released >> {log}")
    client.create_job(job)
    client.create_task(job.id, new_task("task", gate.script()))
    wait_for_task(client, job.id, "task", "running")
    delete_job(client, job.id)
    assert log.read_text() == "released\n"


@pytest.mark.operation("terminate_job", "list_job_preparation_and_release_task_status", "delete_job")
def test_job_is_not_completed_before_its_release(client: BatchClient, pool: str, gate: Gate) -> None:
    job = prepared_job(pool, "true", gate.script("exit 4"))
    client.create_job(job)
    client.create_task(job.id, new_task("task", "sleep 1000"))
    wait_for_task(client, job.id, "task", "running")
    client.begin_terminate_job(job.id, options=as_sent(terminateReason="why"), **QUICKLY)
    wait_for(lambda: statuses(client, job.id)[0].job_release_task_execution_info)
    assert client.get_job(job.id).state == "terminating"
    assert client.get_task(job.id, "task").state == "completed"
    gate.open()
    wait_for_job(client, job.id)
    info = statuses(client, job.id)[0].job_release_task_execution_info
    assert info is not None
    assert info.failure_info is not None
    told = (info.result, info.exit_code, info.failure_info.code)
    assert told == ("failure", 4, "FailureExitCode")


@pytest.mark.operation("terminate_job")
def test_release_has_a_wall_clock_limit(client: BatchClient, pool: str) -> None:
    job = prepared_job(pool, "true", "sleep 1000")
    job.job_release_task.max_wall_clock_time = dt.timedelta(seconds=0.2)
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    wait_for_task(client, job.id, "task")
    terminate_job(client, job.id)
    info = statuses(client, job.id)[0].job_release_task_execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.result, info.failure_info.code) == ("failure", "TaskEnded")


@pytest.mark.operation("terminate_job")
def test_preparation_is_ended_with_its_job(client: BatchClient, pool: str, gate: Gate) -> None:
    job = prepared_job(pool, gate.script(), "true")
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    wait_for_task(client, job.id, "task", "preparing")
    terminate_job(client, job.id)
    (status,) = statuses(client, job.id)
    info = status.job_preparation_task_execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.state, info.result, info.failure_info.code) == ("completed", "failure", "TaskEnded")
    assert status.job_release_task_execution_info is None


# -- the service's death --------------------------------------------------------------------


@pytest.mark.operation("list_job_preparation_and_release_task_status")
def test_release_is_made_up_for_after_the_death_of_the_service(
    client: BatchClient, emulator: Emulator, pool: str, gate: Gate, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    waiting = prepared_job(pool, "true", f"echo waiting >> {log}")
    releasing = prepared_job(pool, "true", gate.script(f"echo releasing >> {log}"))
    for job in (waiting, releasing):
        client.create_job(job)
        client.create_task(job.id, new_task("task"))
        wait_for_task(client, job.id, "task")
    before = statuses(client, waiting.id)[0].as_dict()
    client.begin_terminate_job(releasing.id, options=as_sent(terminateReason="why"), **QUICKLY)
    wait_for(lambda: statuses(client, releasing.id)[0].job_release_task_execution_info)
    disable_job(client, waiting.id)
    emulator.kill()
    emulator.restart()  # what the killed service left has ended by then
    gate.open()
    assert statuses(client, waiting.id)[0].as_dict() == before
    terminate_job(client, waiting.id)
    wait_for_job(client, releasing.id)
    assert sorted(log.read_text().split()) == ["releasing", "waiting"]
