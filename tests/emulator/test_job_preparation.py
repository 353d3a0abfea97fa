"""Job preparation tasks: when they run, where, and what is shown of them and of release tasks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError

from azurebatch_emulator import Emulator
from tests.support.batch import (
    QUICKLY,
    Gate,
    as_sent,
    make_pool,
    new_job,
    new_pool,
    new_task,
    refusal,
    terminate_job,
    unique,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite
from tests.support.preparation import prepared_job, statuses
from tests.support.wire import wire


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of two nodes with four slots each."""
    return make_pool(client, "pool", 2, task_slots_per_node=4)


# -- preparation ----------------------------------------------------------------------------


@pytest.mark.operation("create_job", "list_job_preparation_and_release_task_status")
def test_preparation_runs_once_on_each_node_before_the_first_task(
    client: BatchClient, pool: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    job = prepared_job(pool, f"sleep 0.1; echo prepared $AZ_BATCH_NODE_ID >> {log}")
    client.create_job(job)
    client.create_tasks(
        job.id, [new_task(f"t{number}", f"echo ran $AZ_BATCH_NODE_ID >> {log}") for number in range(16)]
    )
    wait_for(lambda: client.get_job_task_counts(job.id).task_counts.completed == 16)
    lines = [tuple(line.split()) for line in log.read_text().splitlines()]
    nodes = {node.id for node in client.list_nodes(pool)}
    for node in nodes:
        assert lines.count(("prepared", node)) == 1
        assert lines.index(("prepared", node)) < lines.index(("ran", node))
    assert {status.node_id for status in statuses(client, job.id)} == nodes


@pytest.mark.operation("list_job_preparation_and_release_task_status")
def test_status_tells_all_of_both_tasks(client: BatchClient, emulator: Emulator, pool: str) -> None:
    job = prepared_job(pool, "echo got ready", "echo cleaned up")
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    wait_for_task(client, job.id, "task")
    (before,) = statuses(client, job.id)
    assert before.job_release_task_execution_info is None
    terminate_job(client, job.id)
    (status,) = statuses(client, job.id)
    told = status.as_dict()
    node_url = f"{emulator.endpoint}/pools/{pool}/nodes/{status.node_id}"
    assert (told["poolId"], told["nodeUrl"]) == (pool, node_url)
    for name, task_id, more in (
        ("jobPreparationTaskExecutionInfo", "jobpreparation", {"retryCount": 0}),
        ("jobReleaseTaskExecutionInfo", "jobrelease", {}),
    ):
        info = told[name]
        assert info.pop("startTime") <= info.pop("endTime")
        directory = f"workitems/{job.id}/job-1/{task_id}"
        assert info == more | {
            "state": "completed",
            "taskRootDirectory": directory,
            "taskRootDirectoryUrl": f"{node_url}/files/{directory}",
            "exitCode": 0,
            "result": "success",
        }
        written = client.download_node_file(pool, definite(status.node_id), f"{directory}/stdout.txt")
        assert b"".join(written) in (b"got ready\n", b"cleaned up\n")


@pytest.mark.operation("list_job_preparation_and_release_task_status")
def test_status_can_be_filtered_selected_and_paged(client: BatchClient, pool: str, gate: Gate) -> None:
    job = prepared_job(pool, "true")
    client.create_job(job)
    for number in range(8):
        client.create_task(job.id, new_task(f"t{number}", gate.script()))
    nodes = sorted(node.id for node in client.list_nodes(pool))
    wait_for(lambda: len(statuses(client, job.id)) == 2)
    gate.open()
    wait_for(lambda: client.get_job_task_counts(job.id).task_counts.completed == 8)

    def found(**options: Any) -> list[list[dict[str, Any]]]:
        pages = client.list_job_preparation_and_release_task_status(job.id, **options).by_page()
        return [[status.as_dict() for status in page] for page in pages]

    first, last = ({"nodeId": node} for node in nodes)
    assert found(select=["nodeId"], max_results=1) == [[first], [last]]
    assert found(select=["nodeId"], filter=f"nodeId eq '{nodes[1]}'") == [[last]]
    succeeded = "jobPreparationTaskExecutionInfo/result eq 'success'"
    assert found(select=["nodeId"], filter=succeeded) == [[first, last]]
    assert found(filter="jobPreparationTaskExecutionInfo/exitCode gt 0") == [[]]


@pytest.mark.operation("list_job_preparation_and_release_task_status")
def test_status_of_a_job_with_neither_is_refused(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("bare", pool))
    with pytest.raises(HttpResponseError) as refused:
        statuses(client, "bare")
    code = "JobPreparationTaskOrReleaseTaskNotSpecified"
    assert (refused.value.status_code, refusal(refused.value).code) == (409, code)


@pytest.mark.operation("list_job_preparation_and_release_task_status")
def test_status_is_empty_before_the_first_task(emulator: Emulator, client: BatchClient, pool: str) -> None:
    job = prepared_job(pool, "true")
    client.create_job(job)
    with wire(emulator) as http:
        told = http.get(f"/jobs/{job.id}/jobpreparationandreleasetaskstatus").json()
    kind = f"{emulator.endpoint}/$metadata#jobpreparationandreleasetaskstatuslist"
    assert told == {"odata.metadata": kind, "value": []}


@pytest.mark.operation("get_task", "get_job_task_counts", "terminate_task")
def test_task_is_preparing_while_its_node_is_prepared(client: BatchClient, pool: str, gate: Gate) -> None:
    job = prepared_job(pool, gate.script())
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    task = wait_for_task(client, job.id, "task", "preparing")
    assert task.node_info is not None
    assert task.node_info.pool_id == pool
    assert client.get_job_task_counts(job.id).task_counts.running == 1
    (status,) = statuses(client, job.id)
    told = status.as_dict()["jobPreparationTaskExecutionInfo"]
    assert (told["state"], "endTime" in told, "result" in told) == ("running", False, False)
    gate.open()
    assert wait_for_task(client, job.id, "task").previous_state == "running"


@pytest.mark.operation("terminate_task", "create_task")
def test_preparation_goes_on_when_the_task_that_came_first_is_ended(
    client: BatchClient, pool: str, gate: Gate
) -> None:
    job = prepared_job(pool, gate.script())
    client.create_job(job)
    client.create_tasks(job.id, [new_task(f"t{number}") for number in range(2)])
    for task_id in ("t0", "t1"):
        wait_for_task(client, job.id, task_id, "preparing")
    client.terminate_task(job.id, "t0")
    ended = wait_for_task(client, job.id, "t0")
    assert ended.execution_info is not None
    assert ended.execution_info.failure_info is not None
    assert ended.execution_info.failure_info.code == "TaskEnded"
    gate.open()
    other = wait_for_task(client, job.id, "t1")
    assert other.execution_info is not None
    assert other.execution_info.result == "success"


@pytest.mark.operation("create_job", "download_task_file")
def test_tasks_find_what_the_preparation_left(client: BatchClient, pool: str) -> None:
    setting = [models.EnvironmentSetting(name="OWN", value="set")]
    job = prepared_job(
        pool,
        "echo $AZ_BATCH_TASK_ID $AZ_BATCH_JOB_ID $OWN > left",
        environment_settings=setting,
        id="gets-ready",
    )
    client.create_job(job)
    client.create_task(
        job.id, new_task("task", "cat $AZ_BATCH_JOB_PREP_WORKING_DIR/left; ls $AZ_BATCH_JOB_PREP_DIR")
    )
    wait_for_task(client, job.id, "task")
    written = b"".join(client.download_task_file(job.id, "task", "stdout.txt")).decode()
    assert written.splitlines()[0] == f"gets-ready {job.id} set"
    assert "stdout.txt" in written.splitlines()


# -- failing preparation --------------------------------------------------------------------


@pytest.mark.operation("list_job_preparation_and_release_task_status", "get_task")
def test_tasks_keep_away_from_nodes_that_could_not_be_prepared(
    client: BatchClient, pool: str, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    job = prepared_job(pool, f"mkdir {taken}")  # it works on one node alone
    client.create_job(job)
    client.create_tasks(job.id, [new_task(f"t{number}") for number in range(12)])
    wait_for(lambda: client.get_job_task_counts(job.id).task_counts.succeeded == 12)
    results = {status.node_id: status.as_dict() for status in statuses(client, job.id)}
    told = {node: info["jobPreparationTaskExecutionInfo"]["result"] for node, info in results.items()}
    assert sorted(told.values()) == ["failure", "success"]
    good = next(node for node, result in told.items() if result == "success")
    tasks = list(client.list_tasks(job.id))
    assert {task.node_info and task.node_info.node_id for task in tasks} == {good}
    assert {task.execution_info and task.execution_info.requeue_count for task in tasks} == {0}


@pytest.mark.operation("list_job_preparation_and_release_task_status", "get_task", "delete_job")
def test_tasks_wait_where_no_node_could_be_prepared(client: BatchClient, pool: str, gate: Gate) -> None:
    release = "echo released"
    constraints = models.BatchTaskConstraints(max_task_retry_count=2)
    job = prepared_job(pool, "exit 3", release, constraints=constraints)
    client.create_job(job)
    client.create_task(job.id, new_task("task"))

    def results() -> list[str | None]:
        infos = [status.job_preparation_task_execution_info for status in statuses(client, job.id)]
        return [info.result if info is not None else None for info in infos]

    wait_for(lambda: results() == ["failure", "failure"])
    task = wait_for_task(client, job.id, "task", "active")
    assert task.node_info is None
    assert task.execution_info is not None
    assert (task.execution_info.retry_count, task.execution_info.requeue_count) == (0, 0)
    for status in statuses(client, job.id):
        info = status.job_preparation_task_execution_info
        assert info is not None
        assert (info.exit_code, info.retry_count) == (3, 2)
        assert info.last_retry_time is not None
        assert info.failure_info is not None
        assert info.failure_info.code == "FailureExitCode"
    client.create_job(new_job(f"{job.id}-other", pool))
    client.create_task(f"{job.id}-other", new_task("task"))
    wait_for_task(client, f"{job.id}-other", "task")  # the nodes are there for other jobs
    terminate_job(client, job.id)
    assert all(status.job_release_task_execution_info is None for status in statuses(client, job.id))
    assert client.get_task(job.id, "task").state == "active"


@pytest.mark.operation("create_job")
def test_tasks_wait_for_no_preparation_that_they_do_not_need(
    client: BatchClient, pool: str, gate: Gate
) -> None:
    job = prepared_job(pool, gate.script("exit 1"), "true", wait_for_success=False)
    client.create_job(job)
    client.create_task(job.id, new_task("beside"))
    wait_for_task(client, job.id, "beside")
    (status,) = statuses(client, job.id)
    assert status.job_preparation_task_execution_info is not None
    assert status.job_preparation_task_execution_info.state == "running"
    gate.open()

    def result() -> str | None:
        info = statuses(client, job.id)[0].job_preparation_task_execution_info
        return info.result if info is not None else None

    wait_for(lambda: result() == "failure")
    client.create_tasks(job.id, [new_task(f"t{number}") for number in range(8)])
    wait_for(lambda: client.get_job_task_counts(job.id).task_counts.succeeded == 9)
    terminate_job(client, job.id)
    assert {
        status.job_release_task_execution_info and status.job_release_task_execution_info.result
        for status in statuses(client, job.id)
    } == {"success"}


@pytest.mark.operation("list_job_preparation_and_release_task_status")
def test_preparation_has_a_wall_clock_limit(client: BatchClient, pool: str) -> None:
    limit = models.BatchTaskConstraints(max_wall_clock_time=dt.timedelta(seconds=0.2))
    job = prepared_job(pool, "sleep 1000", constraints=limit)
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    wait_for(
        lambda: [status.job_preparation_task_execution_info for status in statuses(client, job.id)],
        lambda infos: len(infos) == 2 and all(info and info.state == "completed" for info in infos),
    )
    info = statuses(client, job.id)[0].job_preparation_task_execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (info.result, info.failure_info.code) == ("failure", "TaskEnded")
    assert client.get_task(job.id, "task").state == "active"


# -- restarts of a node ---------------------------------------------------------------------


@pytest.fixture
def single(client: BatchClient) -> Iterator[str]:
    """A pool of one node."""
    pool_id = unique("single")
    client.create_pool(new_pool(pool_id, 1))
    wait_for_nodes(client, pool_id)
    yield pool_id
    client.begin_delete_pool(pool_id, **QUICKLY).result()


def run_one(client: BatchClient, job_id: str) -> None:
    task_id = unique("task")
    client.create_task(job_id, new_task(task_id))
    wait_for_task(client, job_id, task_id)


@pytest.mark.operation("reboot_node", "reimage_node")
def test_preparation_runs_again_after_a_reboot_if_it_is_to(
    client: BatchClient, single: str, tmp_path: Path
) -> None:
    jobs = {}
    for rerun in (True, False):
        log = tmp_path / f"log-{rerun}"
        job = prepared_job(single, f"echo . >> {log}", rerun_on_node_reboot_after_success=rerun)
        jobs[job.id] = log
        client.create_job(job)
        run_one(client, job.id)
    (node,) = client.list_nodes(single)

    def runs() -> list[int]:
        for job_id in jobs:
            run_one(client, job_id)
        return [len(log.read_text().split()) for log in jobs.values()]

    assert runs() == [1, 1]
    client.begin_reboot_node(single, node.id, as_sent(nodeRebootOption="requeue"), **QUICKLY).result()
    assert runs() == [2, 1]
    client.begin_reimage_node(single, node.id, as_sent(nodeReimageOption="requeue"), **QUICKLY).result()
    assert runs() == [3, 2]


@pytest.mark.operation("reimage_node")
def test_reimaged_node_gets_another_chance(client: BatchClient, single: str, gate: Gate) -> None:
    job = prepared_job(single, f"test -e {gate.path}")
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    wait_for(
        lambda: [status.job_preparation_task_execution_info for status in statuses(client, job.id)],
        lambda infos: len(infos) == 1 and all(info and info.result == "failure" for info in infos),
    )
    wait_for_task(client, job.id, "task", "active")
    gate.open()
    (node,) = client.list_nodes(single)
    client.begin_reimage_node(single, node.id, as_sent(nodeReimageOption="requeue"), **QUICKLY).result()
    wait_for_task(client, job.id, "task")


@pytest.mark.operation("remove_nodes", "list_job_preparation_and_release_task_status")
def test_status_of_a_removed_node_is_still_told(client: BatchClient, single: str, gate: Gate) -> None:
    job = prepared_job(single, gate.script(), "true")
    client.create_job(job)
    client.create_task(job.id, new_task("task"))
    wait_for_task(client, job.id, "task", "preparing")
    (node,) = client.list_nodes(single)
    client.begin_remove_nodes(single, models.BatchNodeRemoveOptions(node_ids=[node.id]), **QUICKLY).result()
    wait_for(lambda: list(client.list_nodes(single)) == [])
    (status,) = statuses(client, job.id)
    info = status.job_preparation_task_execution_info
    assert info is not None
    assert info.failure_info is not None
    assert (status.node_id, info.state, info.failure_info.code) == (node.id, "completed", "TaskEnded")
    assert wait_for_task(client, job.id, "task", "active").node_info is None
    terminate_job(client, job.id)
    assert statuses(client, job.id)[0].job_release_task_execution_info is None
