"""Faults on demand, and what Microsoft's client makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import ContainerClient

from azurebatch_emulator import Emulator
from tests.support.batch import connect, new_job, new_pool, new_task, wait_for, wait_for_nodes, wait_for_task
from tests.support.blobs import container_url, new_container, output, stored
from tests.support.wire import wire


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    client.create_pool(new_pool("p", task_slots_per_node=4))
    return "p"


@pytest.fixture
def control(emulator: Emulator) -> Iterator[httpx.Client]:
    """The control endpoint; it needs no credentials."""
    with wire(emulator, auth=None, params={}) as control:
        yield control
        control.delete("/control/faults").raise_for_status()


def order(control: httpx.Client, **fault: Any) -> None:
    """Order a fault."""
    control.post("/control/faults", json=fault).raise_for_status()


def ordered(control: httpx.Client) -> list[dict[str, Any]]:
    """What is ordered and has not happened yet."""
    faults: list[dict[str, Any]] = control.get("/control/faults").json()
    return faults


def statuses_of(request: Callable[..., object]) -> list[int]:
    """The status of each answer that a client gets to a request, also of those after which it tries again."""
    statuses: list[int] = []
    request(raw_response_hook=lambda response: statuses.append(response.http_response.status_code))
    return statuses


# A status


@pytest.mark.operation("get_job")
def test_a_busy_service_is_asked_again(client: BatchClient, control: httpx.Client) -> None:
    client.create_job(new_job("busy", "no-pool"))
    order(control, kind="status", method="GET", path="^/jobs/busy$", times=2)
    assert statuses_of(partial(client.get_job, "busy")) == [503, 503, 200]
    assert ordered(control) == []


def test_a_busy_service_says_so_and_when_to_come_again(emulator: Emulator, control: httpx.Client) -> None:
    order(control, kind="status")
    with wire(emulator) as http:
        response = http.get("/pools")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json()["code"] == "ServerBusy"
    assert response.json()["message"]["value"].startswith(
        "The server is currently unable to receive requests."
    )


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 500}, 500, "InternalError"),
        ({"status": 429}, 429, "TooManyRequests"),
        ({"status": 403}, 403, "AuthenticationFailed"),
        ({"status": 404, "code": "JobNotFound"}, 404, "JobNotFound"),
        ({"status": 409, "code": "NotAnythingAzureKnows"}, 409, "NotAnythingAzureKnows"),
    ],
)
def test_any_status_and_code_can_be_ordered(
    emulator: Emulator, control: httpx.Client, fault: dict[str, Any], status: int, code: str
) -> None:
    order(control, kind="status", path="^/pools$", **fault)
    with wire(emulator) as http:
        response = http.get("/pools")
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert http.get("/pools").status_code == 200


def test_a_failing_request_does_nothing(emulator: Emulator, control: httpx.Client) -> None:
    order(control, kind="status", method="POST", path="^/jobs$", status=500)
    with connect(emulator, retry_total=0) as client:
        with pytest.raises(HttpResponseError) as caught:
            client.create_job(new_job("never", "no-pool"))
        assert caught.value.status_code == 500
        assert "never" not in [job.id for job in client.list_jobs()]


def test_only_requests_that_match_are_met(emulator: Emulator, control: httpx.Client) -> None:
    order(control, kind="status", method="POST", path="^/jobs/[^/]+/tasks$")
    with wire(emulator) as http:
        assert http.get("/jobs/none/tasks").status_code == 404
        assert http.post("/jobs").status_code == 400
        assert http.post("/jobs/none/tasks").status_code == 503


def test_faults_come_in_the_order_of_their_orders_and_can_be_taken_back(
    emulator: Emulator, control: httpx.Client
) -> None:
    order(control, kind="status", status=500)
    order(control, kind="status", status=503, times=2)
    with wire(emulator) as http:
        assert [http.get("/pools").status_code for _ in range(2)] == [500, 503]
        [left] = ordered(control)
        assert (left["kind"], left["status"], left["times"]) == ("status", 503, 1)
        assert control.delete("/control/faults").status_code == 204
        assert http.get("/pools").status_code == 200


def test_a_stranger_is_refused_before_any_fault(emulator: Emulator, control: httpx.Client) -> None:
    order(control, kind="status")
    assert control.get("/pools").status_code == 401
    assert len(ordered(control)) == 1


# A cut connection


@pytest.mark.operation("create_job")
def test_cut_before_the_work_nothing_was_done(emulator: Emulator, control: httpx.Client) -> None:
    order(control, kind="cutBefore", method="POST", path="^/jobs$")
    with connect(emulator, retry_total=0) as client:
        with pytest.raises((ServiceResponseError, ServiceRequestError)):
            client.create_job(new_job("cut-before", "no-pool"))
        client.create_job(new_job("cut-before", "no-pool"))


@pytest.mark.operation("create_job", "create_task")
def test_cut_after_the_work_a_repeated_create_finds_it_done(
    emulator: Emulator, control: httpx.Client
) -> None:
    with connect(emulator, retry_total=0) as client:
        order(control, kind="cutAfter", method="POST", path="^/jobs$")
        with pytest.raises((ServiceResponseError, ServiceRequestError)):
            client.create_job(new_job("cut-after", "no-pool"))
        with pytest.raises(ResourceExistsError) as caught:
            client.create_job(new_job("cut-after", "no-pool"))
        assert_code(caught.value, "JobExists")

        order(control, kind="cutAfter", method="POST", path="^/jobs/cut-after/tasks$")
        with pytest.raises((ServiceResponseError, ServiceRequestError)):
            client.create_task("cut-after", new_task("t"))
        with pytest.raises(ResourceExistsError) as caught:
            client.create_task("cut-after", new_task("t"))
        assert_code(caught.value, "TaskExists")


@pytest.mark.operation("create_task_collection")
def test_cut_after_the_work_a_repeated_collection_finds_each_task(
    emulator: Emulator, client: BatchClient, control: httpx.Client
) -> None:
    client.create_job(new_job("cut-collection", "no-pool"))
    order(control, kind="cutAfter", path="addtaskcollection$")
    tasks = models.BatchTaskGroup(task_values=[new_task(f"t{i}") for i in range(3)])
    with connect(emulator, retry_total=0) as unwary, pytest.raises(ServiceResponseError):
        unwary.create_task_collection("cut-collection", tasks)
    results = client.create_task_collection("cut-collection", tasks).result_values or []
    assert [(result.error.code, result.status) for result in results if result.error] == [
        ("TaskExists", "ClientError")
    ] * 3


@pytest.mark.operation("get_job")
def test_the_client_repeats_a_read_that_was_cut(client: BatchClient, control: httpx.Client) -> None:
    client.create_job(new_job("read", "no-pool"))
    order(control, kind="cutBefore", method="GET", path="^/jobs/read$")
    order(control, kind="cutAfter", method="GET", path="^/jobs/read$")
    assert statuses_of(partial(client.get_job, "read")) == [200]
    assert ordered(control) == []


def assert_code(error: HttpResponseError, code: str) -> None:
    assert error.error is not None
    assert error.error.code == code


# A hanging request


def test_a_client_may_give_up_a_hanging_request_and_nothing_is_done(
    emulator: Emulator, control: httpx.Client
) -> None:
    order(control, kind="hang", method="POST", path="^/jobs$", seconds=3600)
    with connect(emulator, retry_total=0, read_timeout=0.3) as client:
        with pytest.raises(ServiceResponseError):
            client.create_job(new_job("given-up", "no-pool"))
        assert "given-up" not in [job.id for job in client.list_jobs()]


def test_a_hanging_request_is_answered_in_the_end(client: BatchClient, control: httpx.Client) -> None:
    order(control, kind="hang", method="GET", path="^/jobs$", seconds=0.1)
    assert list(client.list_jobs()) is not None
    assert ordered(control) == []


# A lost node


@pytest.mark.operation("get_node")
@pytest.mark.parametrize("state", ["preempted", "unusable", "unknown"])
def test_the_task_of_a_lost_node_runs_again_on_another(
    client: BatchClient, control: httpx.Client, state: str
) -> None:
    name = f"lost-{state}"
    client.create_pool(new_pool(name, nodes=2))
    client.create_job(new_job(name, name))
    client.create_task(name, new_task("t", "sleep 600"))
    lost = node_of(wait_for_task(client, name, "t", "running"))
    order_of_loss = {"poolId": name, "nodeId": lost, "state": state}
    answer = control.post("/control/losenode", json=order_of_loss).raise_for_status()
    assert answer.json() == {"nodeId": lost}
    again = wait_for(
        lambda: client.get_task(name, "t"),
        lambda task: task.state == "running" and node_of(task) != lost,
    )
    assert again.execution_info is not None
    assert (again.execution_info.requeue_count, again.execution_info.retry_count) == (1, 0)
    # a pre-empted node comes back, empty; the others need an operator
    wait_for(lambda: client.get_node(name, lost).state, ("idle" if state == "preempted" else state).__eq__)
    client.terminate_task(name, "t")


def test_any_node_of_a_pool_can_be_lost(client: BatchClient, control: httpx.Client) -> None:
    client.create_pool(new_pool("any", nodes=2))
    names = {node.id for node in wait_for_nodes(client, "any", 2)}
    lost = [
        control.post("/control/losenode", json={"poolId": "any", "state": "unusable"}).json()["nodeId"]
        for _ in names
    ]
    assert set(lost) == names
    assert control.post("/control/losenode", json={"poolId": "any"}).status_code == 404


def node_of(task: models.BatchTask) -> str:
    """Where a task is."""
    assert task.node_info is not None
    return task.node_info.node_id or ""


# An expired shared access signature


@pytest.fixture
def container(azurite: str) -> Iterator[ContainerClient]:
    """A container with one blob in it."""
    with new_container(azurite) as container:
        container.upload_blob("in.txt", b"text")
        yield container


def blob_url(container: ContainerClient) -> str:
    """The address of the blob, with the container's shared access signature."""
    address, signature = container_url(container).split("?")
    return f"{address}/in.txt?{signature}"


@pytest.mark.parametrize(
    ("by", "code"), [("blob", "BlobAccessDenied"), ("container", "ResourceContainerAccessDenied")]
)
def test_a_resource_file_with_an_expired_signature_is_not_fetched(
    client: BatchClient,
    pool: str,
    control: httpx.Client,
    container: ContainerClient,
    by: str,
    code: str,
) -> None:
    job = f"expired-{by}"
    client.create_job(new_job(job, pool))
    file = (
        models.ResourceFile(http_url=blob_url(container), file_path="in.txt")
        if by == "blob"
        else models.ResourceFile(storage_container_url=container_url(container))
    )
    client.create_task(job, new_task("before", "cat in.txt", resource_files=[file]))
    assert result_of(wait_for_task(client, job, "before")) is None
    expire(control, container)
    client.create_task(job, new_task("after", "cat in.txt", resource_files=[file]))
    assert result_of(wait_for_task(client, job, "after")) == code


def test_an_output_file_with_an_expired_signature_is_not_uploaded(
    client: BatchClient, pool: str, control: httpx.Client, container: ContainerClient
) -> None:
    client.create_job(new_job("expired-output", pool))
    expire(control, container)
    file = output("../stdout.txt", container_url(container))
    client.create_task("expired-output", new_task("t", "echo out", output_files=[file]))
    assert result_of(wait_for_task(client, "expired-output", "t")) == "FileUploadAccessDenied"
    assert stored(container).keys() == {"in.txt"}


def test_a_file_of_another_container_is_fetched_all_the_same(
    client: BatchClient, pool: str, control: httpx.Client, container: ContainerClient
) -> None:
    client.create_job(new_job("not-expired", pool))
    control.post("/control/expiresas", json={"container": "another"}).raise_for_status()
    file = models.ResourceFile(http_url=blob_url(container), file_path="in.txt")
    client.create_task("not-expired", new_task("t", "cat in.txt", resource_files=[file]))
    assert result_of(wait_for_task(client, "not-expired", "t")) is None


def expire(control: httpx.Client, container: ContainerClient) -> None:
    control.post("/control/expiresas", json={"container": container.container_name}).raise_for_status()


def result_of(task: models.BatchTask) -> str | None:
    """Why a task failed; None if it did not."""
    assert task.execution_info is not None
    failure = task.execution_info.failure_info
    return None if failure is None else failure.code


# The endpoint itself


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("faults", "{", "truncated"),
        ("faults", "{}", "kind"),
        ("faults", '{"kind": "explode"}', "explode"),
        ("faults", '{"kind": "status", "times": 0}', "times"),
        ("faults", '{"kind": "status", "status": 200}', "status"),
        ("faults", '{"kind": "status", "path": "("}', "regular expression"),
        ("faults", '{"kind": "status", "pth": "/jobs"}', "pth"),
        ("losenode", "{}", "poolId"),
        ("expiresas", "{}", "container"),
    ],
)
def test_a_wrong_order_is_refused_and_told_why(
    control: httpx.Client, path: str, body: str, told: str
) -> None:
    response = control.post(f"/control/{path}", content=body)
    assert response.status_code == 400
    assert told in response.text


def test_what_is_not_there_cannot_be_lost(client: BatchClient, control: httpx.Client) -> None:
    assert control.post("/control/losenode", json={"poolId": "none"}).status_code == 404
    client.create_pool(new_pool("empty", nodes=0))
    assert control.post("/control/losenode", json={"poolId": "empty"}).status_code == 404
    order_of_loss = {"poolId": "empty", "nodeId": "none"}
    assert control.post("/control/losenode", json=order_of_loss).status_code == 404


def test_there_is_no_control_endpoint_unless_it_is_asked_for(azurite: str) -> None:
    with Emulator(storage_connection_string=azurite) as emulator, wire(emulator) as http:
        for path in ("faults", "losenode", "expiresas"):
            assert http.post(f"/control/{path}", json={"kind": "status"}).status_code == 404
