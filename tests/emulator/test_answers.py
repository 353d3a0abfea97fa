"""The form of every answer, whatever the request was for."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential

from azurebatch_emulator import Emulator
from tests.support.batch import new_job, new_pool, new_task
from tests.support.emulator import AT_ONCE, EmulatorOptions
from tests.support.wire import JSON, RFC_1123, wire

EMULATOR: EmulatorOptions = {"timings": AT_ONCE}
"""Without a control endpoint, which is the default of the service."""


@pytest.fixture(scope="module")
def http(emulator: Emulator) -> Iterator[httpx.Client]:
    with wire(emulator) as http:
        yield http


@pytest.fixture(scope="module")
def job(client: BatchClient) -> str:
    """A job with some tasks, none of which can run."""
    client.create_job(new_job("protocol", "no-pool"))
    client.create_task_collection(
        "protocol", models.BatchTaskGroup(task_values=[new_task(f"t{i}") for i in range(5)])
    )
    return "protocol"


# How an answer is


def headers_of(response: httpx.Response) -> set[str]:
    """Names of the headers that depend on what was asked for."""
    always = {
        "dataserviceversion",
        "request-id",
        "strict-transport-security",
        "x-content-type-options",
        "date",
    }
    assert always <= response.headers.keys()
    assert response.headers["DataServiceVersion"] == "3.0"
    return set(response.headers) - always


STAMPED = {"dataserviceid", "etag", "last-modified"}
IN_CHUNKS = {"transfer-encoding"}
JSON_BODY = {"content-type", "content-length"}


def test_what_is_created_is_answered_with_its_address_and_no_body(
    emulator: Emulator, http: httpx.Client
) -> None:
    response = http.post("/jobs", json={"id": "created", "poolInfo": {"poolId": "p"}})
    assert response.status_code == 201
    assert headers_of(response) == STAMPED | {"location"} | IN_CHUNKS
    assert response.content == b""
    response = http.post("/jobs/created/tasks", json={"id": "t", "commandLine": "true"})
    assert response.status_code == 201
    assert headers_of(response) == STAMPED | {"location"} | IN_CHUNKS
    assert response.headers["Location"] == f"{emulator.endpoint}/jobs/created/tasks/t"
    assert response.headers["DataServiceId"] == response.headers["Location"]


def test_a_resource_comes_with_its_stamps(http: httpx.Client, job: str) -> None:
    for path in (f"/jobs/{job}", f"/jobs/{job}/tasks/t1"):
        response = http.get(path)
        assert headers_of(response) == {"etag", "last-modified"} | JSON_BODY
        assert response.headers["Content-Type"] == JSON
        assert re.fullmatch("0x[0-9A-F]{15}", response.headers["ETag"])
        assert response.headers["ETag"] == response.json()["eTag"]
        modified = datetime.strptime(response.headers["Last-Modified"], RFC_1123)
        assert response.json()["lastModified"].startswith(modified.isoformat())


def test_lists_and_counts_come_with_nothing_else(http: httpx.Client, job: str) -> None:
    for path in ("/pools", "/jobs", f"/jobs/{job}/tasks", f"/jobs/{job}/taskcounts", "/supportedimages"):
        response = http.get(path)
        assert headers_of(response) == JSON_BODY
        assert response.headers["Content-Type"] == JSON


def test_what_is_changed_is_answered_with_its_new_stamps_and_no_body(http: httpx.Client, job: str) -> None:
    response = http.patch(f"/jobs/{job}", json={"priority": 1})
    assert response.status_code == 200
    assert headers_of(response) == STAMPED | IN_CHUNKS
    assert response.headers["ETag"] == http.get(f"/jobs/{job}").headers["ETag"]


def test_an_action_names_itself_in_the_answer(http: httpx.Client, job: str) -> None:
    response = http.post(f"/jobs/{job}/disable", json={"disableTasks": "wait"})
    assert response.status_code == 202
    assert headers_of(response) == STAMPED | IN_CHUNKS
    assert response.headers["DataServiceId"].endswith(f"/jobs/{job}/disable")
    assert http.post(f"/jobs/{job}/enable").status_code == 202


def test_an_answer_of_no_content_has_the_length_0(http: httpx.Client, job: str) -> None:
    response = http.post(f"/jobs/{job}/tasks/t4/terminate")
    assert response.status_code == 204
    assert headers_of(response) == STAMPED | {"content-length"}
    assert response.headers["Content-Length"] == "0"


def test_what_is_deleted_is_answered_without_stamps(http: httpx.Client, job: str) -> None:
    response = http.delete(f"/jobs/{job}/tasks/t4")
    assert response.status_code == 200
    assert headers_of(response) == IN_CHUNKS


@pytest.mark.operation("pool_exists")
def test_a_head_request_is_answered_without_a_body(http: httpx.Client, client: BatchClient) -> None:
    client.create_pool(new_pool("headless", nodes=0))
    response = http.head("/pools/headless")
    assert response.status_code == 200
    assert headers_of(response) == {"etag", "last-modified"} | IN_CHUNKS
    for path, status in (("/pools/none", 404), ("/jobs/headless", 405), ("/nowhere", 404)):
        response = http.head(path)
        assert response.status_code == status
        assert response.content == b""
        assert "content-type" not in response.headers


def test_a_head_request_without_credentials_has_no_body_either(emulator: Emulator) -> None:
    with wire(emulator, auth=None) as stranger:
        response = stranger.head("/pools/p")
    assert (response.status_code, response.content) == (401, b"")


def test_an_unchanged_resource_is_not_sent_again(http: httpx.Client, job: str) -> None:
    e_tag = http.get(f"/jobs/{job}").headers["ETag"]
    response = http.get(f"/jobs/{job}", headers={"If-None-Match": e_tag})
    assert (response.status_code, response.content) == (304, b"")


def test_every_answer_has_an_id_of_its_own(http: httpx.Client) -> None:
    answers = [http.get("/pools"), http.get("/pools"), http.get("/pools/none"), http.head("/pools/none")]
    assert len({answer.headers["request-id"] for answer in answers}) == 4


def test_the_id_of_a_request_comes_back_if_that_is_wanted(http: httpx.Client) -> None:
    own = "9c4d50ee-2d56-4cd3-8152-34347dc9f2b0"
    for path in ("/pools", "/pools/none"):
        wanted = {"client-request-id": own, "return-client-request-id": "true"}
        assert http.get(path, headers=wanted).headers["client-request-id"] == own
        unwanted = {"client-request-id": own, "return-client-request-id": "false"}
        assert "client-request-id" not in http.get(path, headers=unwanted).headers
    assert "client-request-id" not in http.get("/pools", headers={"client-request-id": own}).headers
    assert "client-request-id" not in http.get("/pools", headers={"return-client-request-id": "true"}).headers


# Under another name


@pytest.mark.operation("list_tasks")
def test_the_next_page_is_at_the_name_that_the_client_uses(emulator: Emulator, job: str) -> None:
    port = urlsplit(emulator.endpoint).port
    elsewhere = f"http://localhost:{port}"
    with wire(emulator, base_url=elsewhere) as http:
        response = http.get(f"/jobs/{job}/tasks", params={"maxresults": "2"})
    body = response.json()
    assert body["odata.nextLink"].startswith(f"{elsewhere}/jobs/{job}/tasks?")
    assert body["odata.metadata"].startswith(f"{elsewhere}/$metadata#")
    credential = AzureNamedKeyCredential(emulator.account, emulator.key)
    with BatchClient(elsewhere, credential) as client:
        ids = [task.id for task in client.list_tasks(job, max_results=2)]
    assert ids == ["t0", "t1", "t2", "t3"]


def test_the_address_of_a_resource_is_the_same_for_everybody(emulator: Emulator, job: str) -> None:
    port = urlsplit(emulator.endpoint).port
    with wire(emulator, base_url=f"http://localhost:{port}") as http:
        response = http.get(f"/jobs/{job}")
    assert response.json()["url"] == f"{emulator.endpoint}/jobs/{job}"


def test_a_client_that_names_no_host_is_answered(emulator: Emulator) -> None:
    address = urlsplit(emulator.endpoint)
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as connection:
        connection.sendall(b"GET /pools HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert f"{emulator.endpoint}/$metadata#".encode() in answer
