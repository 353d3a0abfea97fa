"""What ends a job by itself: its wall clock and the end of all its tasks; and the retries it lends them."""

from __future__ import annotations

import datetime as dt

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    QUICKLY,
    Gate,
    disable_job,
    make_pool,
    new_job,
    new_task,
    terminate_job,
    wait_for_job,
    wait_for_task,
)

TERMINATE = models.BatchAllTasksCompleteMode.TERMINATE_JOB


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of one node with two slots."""
    return make_pool(client, task_slots_per_node=2)


def lasting(seconds: float) -> models.BatchJobConstraints:
    return models.BatchJobConstraints(max_wall_clock_time=dt.timedelta(seconds=seconds))


def ended_by(client: BatchClient, job_id: str) -> str | None:
    execution = wait_for_job(client, job_id).execution_info
    assert execution is not None
    return execution.termination_reason


# -- the wall clock -------------------------------------------------------------------------


@pytest.mark.operation("create_job", "get_job")
def test_job_ends_with_its_wall_clock_time(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("limited", pool, constraints=lasting(0.3)))
    client.create_task("limited", new_task("task", gate.script()))
    assert ended_by(client, "limited") == "MaxWallClockTimeExpiry"
    execution = client.get_task("limited", "task").execution_info
    assert execution is not None
    assert execution.failure_info is not None
    assert execution.failure_info.code == "TaskEnded"


@pytest.mark.operation("update_job")
def test_wall_clock_time_counts_from_the_start_when_it_is_changed(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("shortened", pool, constraints=lasting(3600)))
    client.update_job("shortened", models.BatchJobUpdateOptions(constraints=lasting(0.001)))
    assert ended_by(client, "shortened") == "MaxWallClockTimeExpiry"


@pytest.mark.operation("update_job")
def test_wall_clock_time_can_be_taken_back(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("lengthened", pool, constraints=lasting(1.5)))
    client.update_job("lengthened", models.BatchJobUpdateOptions(constraints=models.BatchJobConstraints()))
    client.create_job(new_job("later", pool, constraints=lasting(1.5)))
    assert ended_by(client, "later") == "MaxWallClockTimeExpiry"
    assert client.get_job("lengthened").state == "active"


@pytest.mark.operation("create_job", "disable_job")
def test_wall_clock_time_ends_a_disabled_job(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("idle", pool))
    disable_job(client, "idle")
    client.update_job("idle", models.BatchJobUpdateOptions(constraints=lasting(0.001)))
    assert ended_by(client, "idle") == "MaxWallClockTimeExpiry"
    assert client.get_job("idle").previous_state == "disabled"


@pytest.mark.operation("create_job")
def test_wall_clock_time_runs_on_while_the_service_is_dead(
    client: BatchClient, emulator: Emulator, pool: str
) -> None:
    client.create_job(new_job("watched", pool, constraints=lasting(1.0)))
    emulator.kill()
    emulator.restart()
    assert ended_by(client, "watched") == "MaxWallClockTimeExpiry"


# -- retries --------------------------------------------------------------------------------


@pytest.mark.operation("create_job", "create_task", "get_task")
def test_tasks_inherit_the_retries_of_their_job(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("lends", pool, constraints=models.BatchJobConstraints(max_task_retry_count=2)))
    client.create_task("lends", new_task("heir", "exit 1"))
    own = models.BatchTaskConstraints(max_task_retry_count=0)
    client.create_task("lends", new_task("own", "exit 1", constraints=own))
    day = models.BatchTaskConstraints(max_wall_clock_time=dt.timedelta(days=1))
    client.create_task("lends", new_task("half", "exit 1", constraints=day))
    for task_id, retries in (("heir", 2), ("own", 0), ("half", 2)):
        task = wait_for_task(client, "lends", task_id)
        assert task.constraints is not None
        assert task.execution_info is not None
        told = (task.constraints.max_task_retry_count, task.execution_info.retry_count)
        assert told == (retries, retries)


# -- all tasks complete ---------------------------------------------------------------------


@pytest.mark.operation("create_job", "get_job")
def test_job_ends_with_its_last_task(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("counts-down", pool, all_tasks_complete_mode=TERMINATE))
    client.create_tasks(
        "counts-down", [new_task("one", gate.script()), new_task("two", gate.script("exit 1"))]
    )
    assert client.get_job("counts-down").state == "active"
    gate.open()
    assert ended_by(client, "counts-down") == "AllTasksComplete"
    assert {task.state for task in client.list_tasks("counts-down")} == {"completed"}


@pytest.mark.operation("update_job")
def test_job_can_be_told_later_to_end_with_its_last_task(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("told-later", pool))
    client.create_task("told-later", new_task("task"))
    wait_for_task(client, "told-later", "task")
    assert client.get_job("told-later").state == "active"
    client.update_job("told-later", models.BatchJobUpdateOptions(all_tasks_complete_mode=TERMINATE))
    assert ended_by(client, "told-later") == "AllTasksComplete"


@pytest.mark.operation("create_job", "update_job")
def test_job_without_tasks_ends_only_when_it_is_told_so_later(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("empty", pool, all_tasks_complete_mode=TERMINATE))
    client.create_job(new_job("emptied", pool))
    client.update_job("empty", models.BatchJobUpdateOptions(priority=1))
    client.update_job("emptied", models.BatchJobUpdateOptions(all_tasks_complete_mode=TERMINATE))
    assert ended_by(client, "emptied") == "AllTasksComplete"
    assert client.get_job("empty").state == "active"


@pytest.mark.operation("delete_task", "terminate_task")
def test_deleted_and_terminated_tasks_hold_up_no_end(client: BatchClient, pool: str, gate: Gate) -> None:
    for job_id in ("deletes", "terminates"):
        client.create_job(new_job(job_id, "none", all_tasks_complete_mode=TERMINATE))
        for task_id in ("one", "two"):
            client.create_task(job_id, new_task(task_id, gate.script()))
    for job_id, end in (("deletes", client.delete_task), ("terminates", client.terminate_task)):
        client.terminate_task(job_id, "one")
        assert client.get_job(job_id).state == "active"
        end(job_id, "two")
        assert ended_by(client, job_id) == "AllTasksComplete"


@pytest.mark.operation("enable_job", "disable_job")
def test_tasks_that_ended_while_the_job_was_disabled_count_when_it_is_enabled(
    client: BatchClient, pool: str
) -> None:
    client.create_job(new_job("asleep", pool, all_tasks_complete_mode=TERMINATE))
    client.create_task("asleep", new_task("task", "sleep 1000"))
    wait_for_task(client, "asleep", "task", "running")
    disable_job(client, "asleep", "terminate")
    assert client.get_job("asleep").state == "disabled"
    client.begin_enable_job("asleep", **QUICKLY)
    assert ended_by(client, "asleep") == "AllTasksComplete"


@pytest.mark.operation("terminate_job")
def test_reason_of_the_first_end_stays(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("decided", pool, all_tasks_complete_mode=TERMINATE))
    client.create_task("decided", new_task("task", "sleep 1000"))
    wait_for_task(client, "decided", "task", "running")
    terminate_job(client, "decided", "mine")
    assert ended_by(client, "decided") == "mine"
