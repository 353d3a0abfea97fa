"""Tasks of a service that is killed or stopped, and started again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    connect,
    delete_job,
    make_job,
    new_job,
    new_pool,
    new_task,
    read_file,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.blobs import container_url, new_container, output, stored
from tests.support.definite import execution_of
from tests.support.processes import await_end

TASKS = 500
SLOTS = 4


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[BatchClient]:
    with connect(emulator) as client:
        client.create_pool(new_pool("pool", 2, task_slots_per_node=SLOTS))
        client.create_pool(new_pool("talking", 2, enable_inter_node_communication=True))
        wait_for_nodes(client, "pool", 2)
        yield client


@pytest.fixture
def job(client: BatchClient) -> Iterator[str]:
    job_id = make_job(client)
    yield job_id
    delete_job(client, job_id)


def completed(client: BatchClient, job_id: str) -> int:
    return int(client.get_job_task_counts(job_id).task_counts.completed)


def executions(client: BatchClient, job_id: str, state: str) -> dict[str, dict[str, object]]:
    """How the tasks in a state went, by their ids."""
    tasks = client.list_tasks(job_id, filter=f"state eq '{state}'")
    return {str(task.id): execution_of(task).as_dict() for task in tasks}


@pytest.mark.operation("create_task_collection", "get_job_task_counts", "list_tasks")
def test_all_of_500_tasks_end_well_though_the_service_is_killed_among_them(
    emulator: Emulator, client: BatchClient, job: str, azurite: str
) -> None:
    names = [f"t{number:03}" for number in range(TASKS)]
    script = (
        "for i in $(seq 20); do echo $AZ_BATCH_TASK_ID $i >> out.txt; done; sleep 0.02; echo end >> out.txt"
    )
    with new_container(azurite) as container:
        url = container_url(container)
        client.create_tasks(
            job, [new_task(name, script, output_files=[output("out.txt", url, name)]) for name in names]
        )
        wait_for(lambda: completed(client, job) > TASKS / 4)
        before = executions(client, job, "completed")
        emulator.kill()
        emulator.restart()
        assert completed(client, job) >= len(before)
        wait_for(lambda: completed(client, job) == TASKS)
        after = executions(client, job, "completed")
        content = stored(container)
    assert {name: after[name] for name in before} == before
    assert {told["result"] for told in after.values()} == {"success"}
    assert 0 < sum(bool(told["requeueCount"]) for told in after.values()) <= 2 * SLOTS
    assert content == {
        name: "".join([*(f"{name} {line}\n" for line in range(1, 21)), "end\n"]).encode() for name in names
    }
    counts = client.get_job_task_counts(job)
    assert (counts.task_counts.active, counts.task_counts.running) == (0, 0)
    assert (counts.task_counts.succeeded, counts.task_slot_counts.succeeded) == (TASKS, TASKS)


@pytest.mark.operation("get_task", "list_task_files", "download_task_file")
@pytest.mark.parametrize("killed", [True, False])
def test_what_ran_starts_again_and_what_has_ended_stays(
    emulator: Emulator, client: BatchClient, job: str, killed: bool
) -> None:
    client.create_task(job, new_task("ended", "echo out; exit 3"))
    wait_for_task(client, job, "ended")
    client.create_task(job, new_task("runs", "touch mark; ls; echo $$; sleep 600", required_slots=SLOTS))
    client.create_task(job, new_task("waits", required_slots=SLOTS + 1))
    pid = int(wait_for(lambda: read_file(client, job, "runs").split()[1:])[0])
    before = [client.get_task(job, name).as_dict() for name in ("ended", "waits")]
    if killed:
        emulator.kill()
    emulator.restart()
    await_end([pid])
    assert [client.get_task(job, name).as_dict() for name in ("ended", "waits")] == before
    assert read_file(client, job, "ended") == "out\n"
    again = execution_of(wait_for_task(client, job, "runs", "running"))
    assert (again.requeue_count, again.retry_count) == (1, 0)
    written = wait_for(lambda: read_file(client, job, "runs").split(), lambda words: len(words) == 2)
    assert written[0] == "mark"
    assert written[1] != str(pid)


@pytest.mark.operation("delete_task")
def test_a_deleted_task_stays_deleted(emulator: Emulator, client: BatchClient, job: str) -> None:
    for name in ("a", "b"):
        client.create_task(job, new_task(name, "sleep 600"))
        wait_for_task(client, job, name, "running")
    client.delete_task(job, "a")
    emulator.kill()
    emulator.restart()
    assert [task.id for task in client.list_tasks(job)] == ["b"]
    assert wait_for(lambda: os.listdir(os.path.join(emulator.data, "trash")), lambda names: not names) == []


@pytest.mark.operation("list_subtasks")
def test_subtasks_are_still_told_of(emulator: Emulator, client: BatchClient) -> None:
    client.create_job(new_job("wide", "talking"))
    settings = models.MultiInstanceSettings(number_of_instances=2, coordination_command_line="true")
    client.create_task("wide", new_task("t", multi_instance_settings=settings))
    wait_for_task(client, "wide", "t")
    before = [subtask.as_dict() for subtask in client.list_subtasks("wide", "t")]
    assert [subtask["id"] for subtask in before] == [1]
    emulator.restart()
    assert [subtask.as_dict() for subtask in client.list_subtasks("wide", "t")] == before
