"""Tasks added many at a time."""

from __future__ import annotations

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from azurebatch_emulator import Emulator
from tests.support.batch import as_sent, make_job, new_task, wait_for
from tests.support.definite import definite
from tests.support.wire import wire


@pytest.fixture
def job(client: BatchClient) -> str:
    """A job whose tasks wait for a pool that is not there."""
    return make_job(client, "nowhere")


def group(*tasks: models.BatchTaskCreateOptions) -> models.BatchTaskGroup:
    return models.BatchTaskGroup(task_values=list(tasks))


@pytest.mark.operation("create_task_collection", "get_task")
def test_each_task_of_a_collection_has_a_result(emulator: Emulator, client: BatchClient, job: str) -> None:
    body = {"value": [{"id": name, "commandLine": "true"} for name in ("b", "a")]}
    with wire(emulator) as http:
        answer = http.post(f"/jobs/{job}/addtaskcollection", json=body)
    assert answer.status_code == 200
    tasks = {name: client.get_task(job, name).as_dict() for name in ("a", "b")}
    told = answer.json()
    assert told["odata.metadata"] == f"{emulator.endpoint}/$metadata#taskaddresult"
    assert sorted(told["value"], key=lambda result: str(result["taskId"])) == [
        {
            "status": "Success",
            "taskId": name,
            "eTag": task["eTag"],
            "lastModified": task["lastModified"],
            "location": f"{emulator.endpoint}/jobs/{job}/tasks/{name}",
        }
        for name, task in tasks.items()
    ]


@pytest.mark.operation("create_task_collection")
def test_a_task_that_is_refused_keeps_no_other_back(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("there"))
    added = client.create_task_collection(
        job,
        group(
            new_task("a"),
            new_task("there"),
            models.BatchTaskCreateOptions(id="empty", command_line=""),
            new_task("b"),
            new_task("A"),
        ),
    )
    told = [(one.task_id, one.status, one.error and one.error.code) for one in added.result_values or ()]
    assert told == [
        ("a", "Success", None),
        ("there", "ClientError", "TaskExists"),
        ("empty", "ClientError", "InvalidPropertyValue"),
        ("b", "Success", None),
        ("A", "ClientError", "TaskExists"),
    ]
    assert [task.id for task in client.list_tasks(job)] == ["a", "b", "there"]


@pytest.mark.operation("create_task_collection", "get_job_task_counts")
def test_a_collection_has_100_tasks_at_most(client: BatchClient, job: str) -> None:
    tasks = [new_task(f"t{number:03}") for number in range(101)]
    with pytest.raises(HttpResponseError) as caught:
        client.create_task_collection(job, group(*tasks))
    assert caught.value.status_code == 400
    assert definite(caught.value.error).code == "InvalidPropertyValue"
    assert client.get_job_task_counts(job).task_counts.active == 0
    client.create_task_collection(job, group(*tasks[:100]))
    assert client.get_job_task_counts(job).task_counts.active == 100


@pytest.mark.operation("create_task_collection")
def test_a_request_has_1_mebibyte_at_most_and_the_client_then_sends_less_at_once(
    client: BatchClient, job: str
) -> None:
    tasks = [new_task(f"t{number:02}", f"echo {'x' * 100_000}") for number in range(12)]
    with pytest.raises(HttpResponseError) as caught:
        client.create_task_collection(job, group(*tasks))
    assert caught.value.status_code == 413
    assert definite(caught.value.error).code == "RequestBodyTooLarge"
    added = client.create_tasks(job, tasks)
    assert {one.status for one in added.result_values or ()} == {"Success"}
    assert [task.id for task in client.list_tasks(job)] == [task.id for task in tasks]


@pytest.mark.operation("create_task_collection", "list_tasks")
def test_the_client_adds_any_number(client: BatchClient, job: str) -> None:
    tasks = [new_task(f"t{number:03}") for number in range(250)]
    added = client.create_tasks(job, tasks, max_concurrency=2)
    assert len(added.result_values or ()) == 250
    assert [task.id for task in client.list_tasks(job, select=["id"])] == [task.id for task in tasks]


@pytest.mark.operation("create_task_collection")
def test_a_collection_needs_a_job_that_takes_tasks(client: BatchClient, job: str) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        client.create_task_collection("no-job", group(new_task("t")))
    assert definite(missing.value.error).code == "JobNotFound"
    client.begin_terminate_job(job, options=as_sent(terminateReason="enough"))
    wait_for(lambda: client.get_job(job).state == "completed")
    with pytest.raises(ResourceExistsError) as ended:
        client.create_task_collection(job, group(new_task("t")))
    assert definite(ended.value.error).code == "JobCompleted"


@pytest.mark.operation("create_task_collection")
def test_a_collection_that_cannot_be_read_adds_nothing(
    emulator: Emulator, client: BatchClient, job: str
) -> None:
    good = {"id": "a", "commandLine": "true"}
    with wire(emulator) as http:
        for body, code in (
            ({"value": [good, {"id": "b"}]}, "MissingRequiredProperty"),
            ({"value": [good, {"id": "b", "commandLine": 1}]}, "InvalidPropertyValue"),
            ({"value": [good, {"id": "b", "commandLine": "true", "color": "red"}]}, "InvalidRequestBody"),
            ({}, "MissingRequiredProperty"),
        ):
            answer = http.post(f"/jobs/{job}/addtaskcollection", json=body)
            assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(client.list_tasks(job)) == []
