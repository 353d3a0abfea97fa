"""Tasks that wait are not forgotten, whatever happens around them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    Gate,
    connect,
    make_pool,
    new_job,
    new_pool,
    new_task,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import execution_of, failure_of

STUBBORN = "trap '' TERM; sleep 60"


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[BatchClient]:
    with connect(emulator) as client:
        make_pool(client, task_slots_per_node=4)
        yield client


def crash(emulator: Emulator) -> None:
    emulator.kill()
    emulator.restart()


@pytest.mark.operation("delete_task")
def test_task_goes_on_after_a_crash_though_the_one_it_waited_for_is_deleted(
    emulator: Emulator, client: BatchClient, gate: Gate
) -> None:
    client.create_job(new_job("freed", "pool", uses_task_dependencies=True))
    client.create_task("freed", new_task("a"))
    wait_for_task(client, "freed", "a")
    on_both = models.BatchTaskDependencies(task_ids=["a", "gate"])
    client.create_task("freed", new_task("gate", gate.script()))
    client.create_task("freed", new_task("b", depends_on=on_both))
    client.delete_task("freed", "a")
    crash(emulator)
    gate.open()
    assert execution_of(wait_for_task(client, "freed", "b")).exit_code == 0


@pytest.mark.operation("delete_job")
def test_tasks_of_a_job_run_though_one_of_its_id_was_deleted_with_a_stubborn_task(
    client: BatchClient, gate: Gate
) -> None:
    client.create_job(new_job("again", "pool"))
    client.create_task("again", new_task("stubborn", STUBBORN))
    wait_for_task(client, "again", "stubborn", "running")
    client.delete_task("again", "stubborn")
    client.begin_delete_job("again", force=True).result()
    client.create_job(new_job("again", "pool", max_parallel_tasks=1))
    client.create_task("again", new_task("first"))
    client.create_task("again", new_task("second"))
    assert execution_of(wait_for_task(client, "again", "second")).exit_code == 0


@pytest.mark.operation("update_pool")
def test_tasks_for_several_nodes_start_once_the_pool_is_changed_so_that_they_can(client: BatchClient) -> None:
    client.create_pool(new_pool("quiet", 0))
    client.create_job(new_job("several", "quiet"))
    instances = models.MultiInstanceSettings(number_of_instances=2, coordination_command_line="true")
    client.create_task("several", new_task("both", multi_instance_settings=instances))
    client.update_pool("quiet", models.BatchPoolUpdateOptions(enable_inter_node_communication=True))
    client.begin_resize_pool("quiet", models.BatchPoolResizeOptions(target_dedicated_nodes=2))
    assert execution_of(wait_for_task(client, "several", "both")).exit_code == 0


@pytest.mark.operation("terminate_task")
def test_task_that_was_to_end_does_not_run_again_after_a_crash(
    emulator: Emulator, client: BatchClient
) -> None:
    client.create_job(new_job("ending", "pool"))
    client.create_task("ending", new_task("stubborn", STUBBORN))
    wait_for_task(client, "ending", "stubborn", "running")
    client.terminate_task("ending", "stubborn")
    crash(emulator)
    ended = wait_for_task(client, "ending", "stubborn")
    assert failure_of(ended).code == "TaskEnded"
    assert execution_of(ended).requeue_count == 0


@pytest.mark.operation("create_task")
def test_task_that_kills_what_runs_it_fails_in_the_end_and_takes_no_other_with_it(
    client: BatchClient, gate: Gate
) -> None:
    client.create_job(new_job("killer", "pool"))
    client.create_task("killer", new_task("neighbour", gate.script()))
    client.create_task("killer", new_task("killer", "kill -9 $PPID; sleep 60"))
    failed = wait_for_task(client, "killer", "killer")
    assert failure_of(failed).code == "TaskLost"
    gate.open()
    assert execution_of(wait_for_task(client, "killer", "neighbour")).exit_code == 0


def test_task_that_is_put_back_leaves_no_files_where_it_was(
    emulator: Emulator, client: BatchClient, gate: Gate
) -> None:
    client.create_pool(new_pool("two", 2))
    wait_for_nodes(client, "two", 2)
    client.create_job(new_job("moving", "two"))
    for number in range(2):
        client.create_task("moving", new_task(f"t{number}", gate.script()))
        wait_for_task(client, "moving", f"t{number}", "running")
    crash(emulator)
    gate.open()
    for number in range(2):
        wait_for_task(client, "moving", f"t{number}")
    assert len(list(Path(emulator.data).glob("nodes/two/*/workitems/moving/job-1/*"))) == 2
