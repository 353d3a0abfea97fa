"""What a job goes through: disabled, enabled, terminated; and what it refuses in each state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from azurebatch_emulator import Emulator, Timings
from tests.support.batch import (
    QUICKLY,
    Gate,
    as_sent,
    connect,
    delete_job,
    disable_job,
    make_pool,
    new_job,
    new_task,
    refusal,
    task_states,
    terminate_job,
    wait_for,
    wait_for_job,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.emulator import MakeEmulator
from tests.support.wire import wire


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of two nodes with two slots each."""
    return make_pool(client, "pool", 2, task_slots_per_node=2)


@pytest.fixture(scope="module")
def slow(make_emulator: MakeEmulator) -> Emulator:
    """An emulator where a job that is to end is ending for ever."""
    return make_emulator(timings=Timings(resize=0, job_terminate=3600, job_delete=3600))


@pytest.fixture(scope="module")
def slow_client(slow: Emulator) -> Iterator[BatchClient]:
    """A client of it, with a job in each of the states in which jobs end."""
    with connect(slow) as client:
        for job_id in ("completed", "terminating", "deleting"):
            client.create_job(new_job(job_id, "none"))
        client.create_task("completed", new_task("waits"))
        client.begin_terminate_job("terminating", options=as_sent(terminateReason="why"), **QUICKLY)
        client.begin_delete_job("deleting", **QUICKLY)
        client.begin_terminate_job(
            "completed", options=as_sent(terminateReason="why"), force=True, **QUICKLY
        ).result()
        yield client


# -- disabled and enabled -------------------------------------------------------------------


@pytest.mark.operation("disable_job", "enable_job", "create_task")
def test_disabled_job_starts_no_tasks_until_it_is_enabled(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("pauses", pool))
    began = client.get_job("pauses").state_transition_time
    disable_job(client, "pauses")
    disabled = client.get_job("pauses")
    assert (disabled.state, disabled.previous_state) == ("disabled", "active")
    assert disabled.previous_state_transition_time == began
    client.create_task("pauses", new_task("task"))
    client.create_job(new_job("goes-on", pool))
    client.create_task("goes-on", new_task("task"))
    wait_for_task(client, "goes-on", "task")
    assert client.get_task("pauses", "task").state == "active"
    client.begin_enable_job("pauses", **QUICKLY).result()
    enabled = client.get_job("pauses")
    assert (enabled.state, enabled.previous_state) == ("active", "disabled")
    wait_for_task(client, "pauses", "task")


@pytest.mark.operation("disable_job", "enable_job", "get_job_task_counts")
def test_disabling_requeues_the_running_tasks(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("requeues", pool))
    client.create_task("requeues", new_task("task", gate.script()))
    wait_for_task(client, "requeues", "task", "running")
    disable_job(client, "requeues", "requeue")
    task = client.get_task("requeues", "task")
    assert (task.state, task.node_info) == ("active", None)
    assert task.execution_info is not None
    assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (1, 0)
    assert client.get_job_task_counts("requeues").task_counts.running == 0
    gate.open()
    client.begin_enable_job("requeues", **QUICKLY).result()
    ended = wait_for_task(client, "requeues", "task")
    assert ended.execution_info is not None
    assert (ended.execution_info.result, ended.execution_info.requeue_count) == ("success", 1)


@pytest.mark.operation("disable_job", "enable_job")
def test_disabling_ends_the_running_tasks(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("ends", pool))
    client.create_task("ends", new_task("task", gate.script()))
    wait_for_task(client, "ends", "task", "running")
    disable_job(client, "ends", "terminate")
    execution = client.get_task("ends", "task").execution_info
    assert execution is not None
    assert execution.failure_info is not None
    assert (execution.result, execution.failure_info.code) == ("failure", "TaskEnded")
    client.begin_enable_job("ends", **QUICKLY).result()
    assert task_states(client, "ends") == {"task": "completed"}


@pytest.mark.operation("disable_job")
def test_disabling_waits_for_the_running_tasks(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("waits", pool, max_parallel_tasks=1))
    client.create_task("waits", new_task("runs", gate.script()))
    wait_for_task(client, "waits", "runs", "running")
    client.create_task("waits", new_task("next"))
    client.begin_disable_job("waits", models.BatchJobDisableOptions(disable_tasks="wait"), **QUICKLY)
    job = client.get_job("waits")
    assert (job.state, job.previous_state) == ("disabling", "active")
    gate.open()
    wait_for_job(client, "waits", "disabled")
    assert client.get_job("waits").previous_state == "active"
    assert task_states(client, "waits") == {"runs": "completed", "next": "active"}


@pytest.mark.operation("disable_job")
def test_job_that_is_being_disabled_can_be_told_otherwise(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("hurries", pool))
    client.create_task("hurries", new_task("task", gate.script()))
    wait_for_task(client, "hurries", "task", "running")
    client.begin_disable_job("hurries", models.BatchJobDisableOptions(disable_tasks="wait"), **QUICKLY)
    disable_job(client, "hurries", "requeue")
    assert client.get_job("hurries").state == "disabled"
    assert task_states(client, "hurries") == {"task": "active"}
    disable_job(client, "hurries", "terminate")
    assert client.get_job("hurries").state == "disabled"
    assert task_states(client, "hurries") == {"task": "active"}


@pytest.mark.operation("enable_job")
def test_job_can_be_enabled_before_it_is_disabled(client: BatchClient, pool: str, gate: Gate) -> None:
    client.create_job(new_job("returns", pool))
    client.create_task("returns", new_task("task", gate.script()))
    wait_for_task(client, "returns", "task", "running")
    client.begin_disable_job("returns", models.BatchJobDisableOptions(disable_tasks="wait"), **QUICKLY)
    client.begin_enable_job("returns", **QUICKLY).result()
    gate.open()
    wait_for_task(client, "returns", "task")
    assert client.get_job("returns").state == "active"


@pytest.mark.operation("enable_job")
def test_active_job_cannot_be_enabled(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("enabled", pool))
    with pytest.raises(ResourceExistsError) as refused:
        client.begin_enable_job("enabled", **QUICKLY)
    assert refusal(refused.value).code == "OperationInvalidForCurrentState"


@pytest.mark.operation("disable_job", "enable_job", "terminate_job")
def test_answers_to_actions_have_their_headers_and_no_body(emulator: Emulator, pool: str) -> None:
    with wire(emulator) as http:
        http.post("/jobs", json={"id": "headers", "poolInfo": {"poolId": pool}})
        for action, body in (("disable", {"disableTasks": "wait"}), ("enable", None), ("terminate", None)):
            answer = http.post(f"/jobs/headers/{action}", json=body)
            assert (answer.status_code, answer.content) == (202, b"")
            assert answer.headers["DataServiceId"] == f"{emulator.endpoint}/jobs/headers/{action}"
            told = http.get("/jobs/headers")
            assert answer.headers["ETag"] == told.headers["ETag"] == told.json()["eTag"]
            assert answer.headers["Last-Modified"] == told.headers["Last-Modified"]


# -- terminated -----------------------------------------------------------------------------


@pytest.mark.operation("terminate_job", "get_job_task_counts")
def test_terminated_job_ends_what_runs_and_leaves_what_waits(
    client: BatchClient, pool: str, gate: Gate
) -> None:
    client.create_job(new_job("terminated", pool, max_parallel_tasks=1))
    began = client.get_job("terminated").state_transition_time
    client.create_task("terminated", new_task("runs", gate.script()))
    wait_for_task(client, "terminated", "runs", "running")
    client.create_task("terminated", new_task("waits"))
    terminate_job(client, "terminated", "tired")
    job = client.get_job("terminated")
    assert (job.state, job.previous_state, job.previous_state_transition_time) == (
        "completed",
        "active",
        began,
    )
    assert job.execution_info is not None
    assert job.execution_info.termination_reason == "tired"
    assert job.execution_info.end_time == job.state_transition_time
    execution = client.get_task("terminated", "runs").execution_info
    assert execution is not None
    assert execution.failure_info is not None
    assert (execution.result, execution.failure_info.code) == ("failure", "TaskEnded")
    assert task_states(client, "terminated") == {"runs": "completed", "waits": "active"}
    counts = client.get_job_task_counts("terminated").task_counts
    assert (counts.active, counts.running, counts.completed, counts.failed) == (1, 0, 1, 1)


@pytest.mark.operation("terminate_job")
def test_termination_without_a_reason_is_the_users(emulator: Emulator, pool: str) -> None:
    with wire(emulator) as http:
        bodies: tuple[dict[str, str] | None, ...] = (None, {})
        for body in bodies:
            http.post("/jobs", json={"id": "unreasonable", "poolInfo": {"poolId": pool}})
            http.post("/jobs/unreasonable/terminate", json=body)
            told = http.get("/jobs/unreasonable").json()
            assert told["executionInfo"]["terminateReason"] == "UserTerminate"
            http.delete("/jobs/unreasonable")
            wait_for(lambda: http.get("/jobs/unreasonable").status_code == 404)


@pytest.mark.operation("terminate_job")
def test_disabled_job_can_be_terminated(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("off", pool))
    disable_job(client, "off")
    terminate_job(client, "off")
    job = client.get_job("off")
    assert (job.state, job.previous_state) == ("completed", "disabled")


@pytest.mark.operation("terminate_job", "get_job")
def test_job_is_told_as_terminating_until_it_is_completed(slow_client: BatchClient) -> None:
    job = slow_client.get_job("terminating")
    assert (job.state, job.previous_state) == ("terminating", "active")
    assert job.execution_info is not None
    assert (job.execution_info.termination_reason, job.execution_info.end_time) == ("why", None)


@pytest.mark.operation("delete_job", "get_job")
def test_job_is_told_as_deleting_until_it_is_gone(slow: Emulator, slow_client: BatchClient) -> None:
    slow_client.create_job(new_job("going", "none"))
    before = dict(slow_client.get_job("going"))
    with wire(slow) as http:
        answer = http.delete("/jobs/going")
    assert (answer.status_code, answer.content) == (202, b"")
    assert not {"etag", "last-modified", "dataserviceid"} & set(answer.headers)
    after = dict(slow_client.get_job("going"))
    assert (after["state"], after["previousState"]) == ("deleting", "active")
    assert after["previousStateTransitionTime"] == before["stateTransitionTime"]
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"state", "stateTransitionTime", "previousState", "previousStateTransitionTime"}
    with pytest.raises(ResourceExistsError) as refused:
        slow_client.create_job(new_job("going", "none"))
    assert refusal(refused.value).code == "JobBeingDeleted"


@pytest.mark.operation("terminate_job", "delete_job")
def test_terminating_job_can_be_deleted(slow_client: BatchClient) -> None:
    slow_client.create_job(new_job("both", "none"))
    slow_client.begin_terminate_job("both", options=as_sent(terminateReason="why"), **QUICKLY)
    slow_client.begin_delete_job("both", force=True, **QUICKLY).result()
    assert "both" not in [job.id for job in slow_client.list_jobs()]


@pytest.mark.operation("delete_job")
def test_deletion_ends_what_runs(client: BatchClient, pool: str, gate: Gate, tmp_path: Path) -> None:
    client.create_job(new_job("torn", pool))
    written = tmp_path / "written"
    client.create_task("torn", new_task("task", gate.script(f"touch {written}")))
    wait_for_task(client, "torn", "task", "running")
    delete_job(client, "torn")
    gate.open()
    wait_for_nodes(client, pool, 2)
    assert not written.exists()


REQUESTS: dict[str, Callable[[BatchClient, str], Any]] = {
    "add a task": lambda client, job: client.create_task(job, new_task("late")),
    "patch": lambda client, job: client.update_job(job, models.BatchJobUpdateOptions(priority=1)),
    "replace": lambda client, job: client.replace_job(
        job, models.BatchJob(pool_info=models.BatchPoolInfo(pool_id="none"))
    ),
    "disable": lambda client, job: client.begin_disable_job(
        job, models.BatchJobDisableOptions(disable_tasks="wait")
    ),
    "enable": lambda client, job: client.begin_enable_job(job),
    "terminate": lambda client, job: client.begin_terminate_job(
        job, options=as_sent(terminateReason="again")
    ),
}


@pytest.mark.operation(
    "create_task", "update_job", "replace_job", "disable_job", "enable_job", "terminate_job", "delete_job"
)
@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize(
    ("job_id", "code"),
    [
        ("completed", "JobCompleted"),
        ("terminating", "JobBeingTerminated"),
        ("deleting", "JobBeingDeleted"),
    ],
)
def test_job_that_ends_refuses(slow_client: BatchClient, job_id: str, code: str, request_: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        REQUESTS[request_](slow_client, job_id)
    assert (refused.value.status_code, refusal(refused.value).code) == (409, code)


@pytest.mark.operation("delete_job")
def test_job_is_deleted_once(slow_client: BatchClient) -> None:
    with pytest.raises(ResourceExistsError) as refused:
        slow_client.begin_delete_job("deleting")
    assert refusal(refused.value).code == "JobBeingDeleted"


@pytest.mark.operation("terminate_task", "get_task", "list_tasks", "get_job_task_counts")
def test_tasks_of_a_completed_job_can_be_seen_and_ended(slow_client: BatchClient) -> None:
    assert task_states(slow_client, "completed") == {"waits": "active"}
    assert slow_client.get_job_task_counts("completed").task_counts.active == 1
    slow_client.terminate_task("completed", "waits")
    assert task_states(slow_client, "completed") == {"waits": "completed"}
