"""Tasks added one by one: what is shown of them, and what clients do with them until they have ended."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import Any

import psutil
import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError

from azurebatch_emulator import Emulator
from tests.support.batch import (
    Gate,
    code_of,
    make_job,
    new_job,
    new_pool,
    new_task,
    read_file,
    unique,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite, execution_of, node_id_of
from tests.support.wire import wire

FOREVER = "P10675199DT2H48M5.4775807S"
Nodes = list[models.BatchNode]


@pytest.fixture(scope="module")
def nodes(client: BatchClient) -> Nodes:
    """Those of the pool that the tests share."""
    client.create_pool(new_pool("pool", 2, task_slots_per_node=4))
    return wait_for_nodes(client, "pool", 2)


@pytest.fixture
def job(client: BatchClient, nodes: Nodes) -> str:
    """A job whose tasks run."""
    return make_job(client)


@pytest.fixture
def waiting(client: BatchClient) -> str:
    """A job whose tasks wait for a pool that is not there."""
    job_id = unique("waiting")
    client.create_job(new_job(job_id, "nowhere"))
    return job_id


def shown(emulator: Emulator, job_id: str, task_id: str) -> dict[str, object]:
    with wire(emulator) as http:
        answer: dict[str, object] = http.get(f"/jobs/{job_id}/tasks/{task_id}").json()
    return answer


@pytest.mark.operation("create_task", "get_task")
def test_a_task_that_waits_is_shown_with_all_defaults(
    emulator: Emulator, client: BatchClient, waiting: str
) -> None:
    client.create_task(waiting, new_task("t"))
    task = shown(emulator, waiting, "t")
    url = f"{emulator.endpoint}/jobs/{waiting}/tasks/t"
    time, e_tag = task["creationTime"], task["eTag"]
    assert task == {
        "odata.metadata": f"{emulator.endpoint}/$metadata#tasks/@Element",
        "id": "t",
        "url": url,
        "eTag": e_tag,
        "creationTime": time,
        "lastModified": time,
        "state": "active",
        "stateTransitionTime": time,
        "commandLine": "/bin/sh -c 'true'",
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        "constraints": {"maxWallClockTime": FOREVER, "retentionTime": "P7D", "maxTaskRetryCount": 0},
        "requiredSlots": 1,
        "executionInfo": {"retryCount": 0, "requeueCount": 0},
    }


@pytest.mark.operation("get_task")
def test_a_task_goes_from_active_over_running_to_completed(
    emulator: Emulator, client: BatchClient, nodes: Nodes, job: str
) -> None:
    client.create_task(job, new_task("t", "until [ -e go ]; do sleep 0.02; done"))
    wait_for_task(client, job, "t", "running")
    running = shown(emulator, job, "t")
    info = running["nodeInfo"]
    assert isinstance(info, dict)
    [node] = [node for node in nodes if node.id == info["nodeId"]]
    directory = f"workitems/{job}/job-1/t"
    assert info == {
        "affinityId": f"TVM:{node.id}",
        "nodeUrl": node.url,
        "poolId": "pool",
        "nodeId": node.id,
        "taskRootDirectory": directory,
        "taskRootDirectoryUrl": f"{node.url}/files/{directory}",
    }
    execution = running["executionInfo"]
    assert isinstance(execution, dict)
    assert (running["previousState"], set(execution)) == (
        "active",
        {"startTime", "retryCount", "requeueCount"},
    )
    open(os.path.join(emulator.data, "nodes", "pool", node.id, directory, "wd", "go"), "w").close()
    wait_for_task(client, job, "t")
    ended = shown(emulator, job, "t")
    assert ended["executionInfo"] == execution | {
        "endTime": ended["stateTransitionTime"],
        "exitCode": 0,
        "result": "success",
    }
    assert ended["previousState"] == "running"
    assert ended["previousStateTransitionTime"] == running["stateTransitionTime"]
    for same in ("eTag", "lastModified", "nodeInfo"):
        assert ended[same] == running[same]


@pytest.mark.operation("create_task", "get_task")
def test_everything_said_of_a_task_is_kept(client: BatchClient, waiting: str) -> None:
    task = models.BatchTaskCreateOptions(
        id="t",
        display_name="Täsk",
        command_line="true",
        environment_settings=[models.EnvironmentSetting(name="A", value="1")],
        resource_files=[models.ResourceFile(auto_storage_container_name="in", file_path="in")],
        constraints=models.BatchTaskConstraints(
            max_wall_clock_time=timedelta(hours=1), retention_time=timedelta(days=1), max_task_retry_count=3
        ),
        required_slots=2,
        affinity_info=models.BatchAffinityInfo(affinity_id="TVM:x"),
        user_identity=models.UserIdentity(
            auto_user=models.AutoUserSpecification(scope="task", elevation_level="admin")
        ),
    )
    client.create_task(waiting, task)
    kept = client.get_task(waiting, "t")
    assert definite(kept.constraints).max_wall_clock_time == timedelta(hours=1)
    assert definite(kept.constraints).retention_time == timedelta(days=1)
    given, found = task.as_dict(), kept.as_dict()
    for name in given.keys() - {"constraints"}:
        assert found[name] == given[name]


@pytest.mark.operation("create_task", "get_task", "delete_task")
def test_ids_are_compared_without_case_and_kept_with_it(client: BatchClient, waiting: str) -> None:
    client.create_task(waiting, new_task("Task"))
    assert code_of(lambda: client.create_task(waiting, new_task("tASK"))) == "TaskExists"
    assert client.get_task(waiting, "task").id == "Task"
    client.delete_task(waiting, "TASK")
    assert code_of(lambda: client.get_task(waiting, "Task")) == "TaskNotFound"


@pytest.mark.operation("create_task")
@pytest.mark.partial("create_task", "there are no application packages")
@pytest.mark.partial("create_task_collection", "there are no application packages")
def test_a_task_that_cannot_be_is_refused(client: BatchClient, waiting: str) -> None:
    bad = [
        models.BatchTaskCreateOptions(id="a b", command_line="true"),
        models.BatchTaskCreateOptions(id="t", command_line=" "),
        models.BatchTaskCreateOptions(id="t", command_line="true", required_slots=0),
        models.BatchTaskCreateOptions(
            id="t",
            command_line="true",
            required_slots=2,
            multi_instance_settings=models.MultiInstanceSettings(
                number_of_instances=2, coordination_command_line="true"
            ),
        ),
        new_task("t", resource_files=[models.ResourceFile(http_url="http://x/y", file_path="../up")]),
        new_task(
            "t",
            resource_files=[
                models.ResourceFile(http_url="http://x/y", file_path=f"{number:0100}")
                for number in range(300)
            ],
        ),
        new_task("t", constraints=models.BatchTaskConstraints(max_task_retry_count=-2)),
    ]
    for task in bad:
        assert code_of(partial(client.create_task, waiting, task)) == "InvalidPropertyValue"
    packages = [models.BatchApplicationPackageReference(application_id="a")]
    packaged = new_task("t", application_package_references=packages)
    assert code_of(lambda: client.create_task(waiting, packaged)) == "InvalidApplicationPackageReferences"
    dependent = new_task("t", depends_on=models.BatchTaskDependencies(task_ids=["u"]))
    assert code_of(lambda: client.create_task(waiting, dependent)) == "TaskDependenciesNotSpecifiedOnJob"
    assert code_of(lambda: client.create_task("no-job", new_task("t"))) == "JobNotFound"
    assert list(client.list_tasks(waiting)) == []


@pytest.mark.operation("list_tasks")
def test_tasks_are_listed_by_id_in_pages_with_what_is_selected(client: BatchClient, waiting: str) -> None:
    for name in ("c", "a", "b"):
        client.create_task(waiting, new_task(name))
    pages = list(client.list_tasks(waiting, max_results=2, select=["id", "state"]).by_page())
    assert [[task.as_dict() for task in page] for page in pages] == [
        [{"id": "a", "state": "active"}, {"id": "b", "state": "active"}],
        [{"id": "c", "state": "active"}],
    ]
    assert [task.id for task in client.list_tasks(waiting, filter="startswith(id, 'b')")] == ["b"]


@pytest.mark.operation("replace_task")
def test_replacing_sets_all_constraints(client: BatchClient, waiting: str) -> None:
    client.create_task(
        waiting,
        new_task("t", constraints=models.BatchTaskConstraints(max_wall_clock_time=timedelta(hours=1))),
    )
    task = client.get_task(waiting, "t")
    before = task.etag
    task.constraints = models.BatchTaskConstraints(max_task_retry_count=3)
    client.replace_task(waiting, "t", task)
    replaced = client.get_task(waiting, "t").as_dict()
    assert replaced["constraints"] == {
        "maxWallClockTime": FOREVER,
        "retentionTime": "P7D",
        "maxTaskRetryCount": 3,
    }
    assert replaced["eTag"] > str(before)
    assert replaced["lastModified"] > replaced["stateTransitionTime"]
    with pytest.raises(ResourceModifiedError):
        client.replace_task(
            waiting, "t", task, etag=str(before), match_condition=MatchConditions.IfNotModified
        )


@pytest.mark.operation("terminate_task")
def test_a_waiting_task_that_is_terminated_never_started(
    emulator: Emulator, client: BatchClient, waiting: str
) -> None:
    client.create_task(waiting, new_task("t"))
    before = shown(emulator, waiting, "t")
    client.terminate_task(waiting, "t")
    task = shown(emulator, waiting, "t")
    assert (task["state"], task["previousState"], task["nodeInfo"]) == ("completed", "active", {})
    assert task["executionInfo"] == {
        "endTime": task["stateTransitionTime"],
        "failureInfo": {
            "category": "UserError",
            "code": "TaskEnded",
            "message": "Task Was Ended by User Request",
        },
        "result": "failure",
        "retryCount": 0,
        "requeueCount": 0,
    }
    assert str(task["eTag"]) > str(before["eTag"])
    assert code_of(lambda: client.terminate_task(waiting, "t")) == "TaskCompleted"
    assert code_of(lambda: client.terminate_task(waiting, "u")) == "TaskNotFound"


@pytest.mark.operation("terminate_task")
def test_a_running_task_that_is_terminated_is_ended_with_all_it_started(
    client: BatchClient, job: str
) -> None:
    client.create_task(job, new_task("t", "setsid sleep 4711 & echo $! $$; wait"))
    wait_for_task(client, job, "t", "running")
    pids = wait_for(lambda: read_file(client, job, "t")).split()
    client.terminate_task(job, "t")
    execution = execution_of(wait_for_task(client, job, "t"))
    assert definite(execution.failure_info).code == "TaskEnded"
    assert execution.result == "failure"
    assert execution.exit_code == 128 + 15
    assert not any(psutil.pid_exists(int(pid)) for pid in pids)


@pytest.mark.operation("reactivate_task")
def test_only_a_failed_task_is_reactivated_and_runs_again_from_the_start(
    emulator: Emulator, client: BatchClient, job: str, gate: Gate
) -> None:
    mark = os.path.join(emulator.data, f"{job}.mark")
    script = f"[ -e {mark} ] || exit 3; touch once; ls; {gate.script()}"
    retries = models.BatchTaskConstraints(max_task_retry_count=1)
    client.create_task(job, new_task("t", script, constraints=retries))
    failed = wait_for_task(client, job, "t")
    assert (execution_of(failed).exit_code, execution_of(failed).retry_count) == (3, 1)
    open(mark, "w").close()
    client.reactivate_task(job, "t")
    wait_for_task(client, job, "t", "running")
    running = shown(emulator, job, "t")["executionInfo"]
    assert isinstance(running, dict)
    assert set(running) == {"startTime", "retryCount", "requeueCount"}
    assert code_of(lambda: client.reactivate_task(job, "t")) == "TaskNotCompleted"
    gate.open()
    done = wait_for_task(client, job, "t")
    assert (execution_of(done).result, execution_of(done).retry_count) == ("success", 0)
    assert read_file(client, job, "t") == "once\n"
    assert code_of(lambda: client.reactivate_task(job, "t")) == "TaskSucceeded"
    assert done.etag > failed.etag


@pytest.mark.operation("reactivate_task")
def test_a_reactivated_task_that_waits_is_as_new(
    emulator: Emulator, client: BatchClient, waiting: str
) -> None:
    client.create_task(waiting, new_task("t"))
    client.terminate_task(waiting, "t")
    ended = shown(emulator, waiting, "t")
    client.reactivate_task(waiting, "t")
    task = shown(emulator, waiting, "t")
    assert (task["state"], task["previousState"]) == ("active", "completed")
    assert task["previousStateTransitionTime"] == ended["stateTransitionTime"]
    assert task["executionInfo"] == {"retryCount": 0, "requeueCount": 0}
    assert "nodeInfo" not in task


@pytest.mark.operation("delete_task")
def test_a_running_task_that_is_deleted_leaves_nothing(
    emulator: Emulator, client: BatchClient, job: str
) -> None:
    client.create_task(job, new_task("t", "echo $$; sleep 600"))
    wait_for_task(client, job, "t", "running")
    pid = int(wait_for(lambda: read_file(client, job, "t")))
    node_id = node_id_of(client.get_task(job, "t"))
    directory = os.path.join(emulator.data, "nodes", "pool", node_id, "workitems", job, "job-1", "t")
    assert os.path.isdir(directory)
    client.delete_task(job, "t")
    assert code_of(lambda: client.get_task(job, "t")) == "TaskNotFound"
    counts = client.get_job_task_counts(job).task_counts
    assert (counts.active, counts.running, counts.completed) == (0, 0, 0)
    wait_for(lambda: not psutil.pid_exists(pid))
    wait_for(lambda: not os.path.exists(directory))
    wait_for(lambda: not any(node.running_tasks_count for node in client.list_nodes("pool")))


@pytest.mark.operation("delete_task")
def test_a_task_of_the_same_id_as_one_that_is_still_being_ended_starts_afresh(
    client: BatchClient, job: str
) -> None:
    on_one = models.BatchAffinityInfo(affinity_id=next(iter(client.list_nodes("pool"))).affinity_id)
    old = new_task("t", "trap : TERM; echo old > old; sleep 1; echo old > late", affinity_info=on_one)
    client.create_task(job, old)
    wait_for_task(client, job, "t", "running")
    wait_for(lambda: "wd/old" in {file.name for file in client.list_task_files(job, "t", recursive=True)})
    client.delete_task(job, "t")
    client.create_task(job, new_task("t", "sleep 0.2; ls", affinity_info=on_one))
    assert execution_of(wait_for_task(client, job, "t")).exit_code == 0
    assert read_file(client, job, "t") == ""


@pytest.mark.operation("create_task")
def test_a_task_runs_on_the_node_of_its_affinity_unless_that_is_full(
    client: BatchClient, nodes: Nodes, job: str
) -> None:
    liked = nodes[1]
    affinity = models.BatchAffinityInfo(affinity_id=liked.affinity_id)
    for number in range(5):
        client.create_task(job, new_task(f"t{number}", "sleep 600", affinity_info=affinity))
        wait_for_task(client, job, f"t{number}", "running")
    where = [node_id_of(task) for task in client.list_tasks(job)]
    assert where == [liked.id] * 4 + [nodes[0].id]
    client.begin_delete_job(job)
    wait_for_nodes(client, "pool", 2)


@pytest.mark.operation("get_task", "terminate_task", "delete_task")
def test_conditions_of_requests_are_checked(client: BatchClient, waiting: str) -> None:
    client.create_task(waiting, new_task("t"))
    stale: dict[str, Any] = {"etag": "0x8DE000000000000", "match_condition": MatchConditions.IfNotModified}
    for request in (client.get_task, client.terminate_task, client.delete_task, client.reactivate_task):
        with pytest.raises(ResourceModifiedError):
            request(waiting, "t", **stale)
    assert client.get_task(waiting, "t").state == "active"
