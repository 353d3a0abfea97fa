"""Tasks of a service that is killed or stopped, and started again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest
from azure.batch import BatchClient, models

from remotebatch_azurebatch.emulator import Emulator, Timings
from tests.azurebatch.batch import (
    connect,
    new_job,
    new_pool,
    new_task,
    read_file,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.azurebatch.blobs import container_url, new_container, output, stored

TASKS = 500
LINES = 20


@pytest.fixture
def own_emulator(azurite: str) -> Iterator[Emulator]:
    """One that is killed."""
    with Emulator(storage_connection_string=azurite, timings=Timings(resize=0)) as emulator:
        yield emulator


@pytest.fixture
def own_client(own_emulator: Emulator) -> Iterator[BatchClient]:
    with connect(own_emulator) as client:
        client.create_pool(new_pool("pool", 2, task_slots_per_node=4))
        wait_for_nodes(client, "pool", 2)
        client.create_job(new_job("job", "pool"))
        yield client


def completed(client: BatchClient) -> int:
    return int(client.get_job_task_counts("job").task_counts.completed)


def execution(task: models.BatchTask) -> dict[str, object]:
    shown: dict[str, object] = task.execution_info.as_dict()
    return shown


@pytest.mark.operation("create_task_collection", "get_job_task_counts", "list_tasks")
def test_all_of_500_tasks_end_well_with_a_service_killed_among_them(
    own_emulator: Emulator, own_client: BatchClient, azurite: str
) -> None:
    script = (
        "echo $$ > pid; for i in $(seq 20); do echo $AZ_BATCH_TASK_ID $i >> out.txt; done; sleep 0.02; "
        "echo end >> out.txt"
    )
    with new_container(azurite) as container:
        url = container_url(container)
        own_client.create_tasks(
            "job",
            [
                new_task(f"t{number:03}", script, output_files=[output("out.txt", url, f"t{number:03}")])
                for number in range(TASKS)
            ],
        )
        wait_for(lambda: completed(own_client) > TASKS / 4)
        before = {
            str(task.id): execution(task)
            for task in own_client.list_tasks("job", filter="state eq 'completed'")
        }
        own_emulator.kill()
        own_emulator.restart()
        assert completed(own_client) >= len(before)
        wait_for(lambda: completed(own_client) == TASKS)
        tasks = {str(task.id): execution(task) for task in own_client.list_tasks("job")}
        for task_id, ended in before.items():
            assert tasks[task_id] == ended
        assert {info["result"] for info in tasks.values()} == {"success"}
        requeued = [task_id for task_id, info in tasks.items() if info["requeueCount"]]
        assert 0 < len(requeued) <= 2 * 4
        content = {
            f"t{number:03}": "".join(f"t{number:03} {line}\n" for line in range(1, 21)) + "end\n"
            for number in range(TASKS)
        }
        assert {name: text.decode() for name, text in stored(container).items()} == content
        counts = own_client.get_job_task_counts("job")
        assert (counts.task_counts.active, counts.task_counts.running) == (0, 0)
        assert (counts.task_counts.succeeded, counts.task_slot_counts.succeeded) == (TASKS, TASKS)


@pytest.mark.operation("get_task", "list_task_files", "download_task_file")
@pytest.mark.parametrize("killed", [True, False])
def test_what_ran_starts_again_and_what_has_ended_stays(
    own_emulator: Emulator, own_client: BatchClient, killed: bool
) -> None:
    client = own_client
    client.create_task("job", new_task("ended", "echo out; exit 3"))
    wait_for_task(client, "job", "ended")
    client.create_task("job", new_task("runs", "touch mark; ls; echo $$; sleep 600", required_slots=4))
    client.create_task("job", new_task("waits", required_slots=5))
    pid = int(wait_for(lambda: read_file(client, "job", "runs").split()[1:])[0])
    before = [client.get_task("job", name).as_dict() for name in ("ended", "waits")]
    if killed:
        own_emulator.kill()
    own_emulator.restart()
    assert not psutil.pid_exists(pid)
    assert [client.get_task("job", name).as_dict() for name in ("ended", "waits")] == before
    assert read_file(client, "job", "ended") == "out\n"
    again = wait_for_task(client, "job", "runs", "running")
    assert (again.execution_info.requeue_count, again.execution_info.retry_count) == (1, 0)
    assert wait_for(lambda: read_file(client, "job", "runs").split()[1:])[0] != str(pid)
    assert read_file(client, "job", "runs").split()[0] == "mark"
    client.terminate_task("job", "runs")
    assert wait_for_task(client, "job", "runs").execution_info.failure_info.code == "TaskEnded"


@pytest.mark.operation("delete_task")
def test_a_deleted_task_stays_deleted(own_emulator: Emulator, own_client: BatchClient) -> None:
    for name in ("a", "b"):
        own_client.create_task("job", new_task(name, "sleep 600"))
        wait_for_task(own_client, "job", name, "running")
    own_client.delete_task("job", "a")
    own_emulator.kill()
    own_emulator.restart()
    assert [task.id for task in own_client.list_tasks("job")] == ["b"]
    assert not os.listdir(os.path.join(own_emulator.data, "trash"))


@pytest.mark.operation("list_subtasks")
def test_subtasks_are_still_told_of(own_emulator: Emulator, own_client: BatchClient) -> None:
    client = own_client
    client.create_pool(new_pool("talking", 2, enable_inter_node_communication=True))
    client.create_job(new_job("wide", "talking"))
    settings = models.MultiInstanceSettings(number_of_instances=2, coordination_command_line="true")
    client.create_task("wide", new_task("t", multi_instance_settings=settings))
    wait_for_task(client, "wide", "t")
    before = [subtask.as_dict() for subtask in client.list_subtasks("wide", "t")]
    assert [subtask["id"] for subtask in before] == [1]
    own_emulator.restart()
    assert [subtask.as_dict() for subtask in client.list_subtasks("wide", "t")] == before
