"""What holds for every request, whatever it is for: who may ask, and in which form."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from azurebatch_emulator import Emulator
from tests.support.batch import connect, new_job, new_task
from tests.support.emulator import AT_ONCE, EmulatorOptions, MakeEmulator
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


def assert_error(response: httpx.Response, status: int, code: str) -> dict[str, str]:
    """Assert that an answer is an error of Azure's form; returns its details."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == JSON
    assert response.headers["Content-Length"] == str(len(response.content))
    assert response.headers["DataServiceVersion"] == "3.0"
    error = response.json()
    assert error["odata.metadata"] == (
        f"{response.url.scheme}://{response.url.netloc.decode()}"
        "/$metadata#Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element"
    )
    assert error["code"] == code
    assert error["message"]["lang"] == "en-US"
    text, request_id, moment = error["message"]["value"].split("\n")
    assert text
    assert request_id == f"RequestId:{response.headers['request-id']}"
    assert re.fullmatch(r"Time:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", moment)
    return {detail["key"]: detail["value"] for detail in error.get("values", ())}


# Who may ask


def test_another_key_is_refused_with_403(emulator: Emulator) -> None:
    credential = AzureNamedKeyCredential(emulator.account, base64.b64encode(b"another key").decode())
    with BatchClient(emulator.endpoint, credential) as stranger, pytest.raises(HttpResponseError) as caught:
        list(stranger.list_pools())
    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "AuthenticationFailed"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_skewed_clock_is_refused_with_403(http: httpx.Client, minutes: int) -> None:
    date = (datetime.now(timezone.utc) + timedelta(minutes=minutes)).strftime(RFC_1123)
    details = assert_error(http.get("/pools", headers={"ocp-date": date}), 403, "AuthenticationFailed")
    assert "15 minutes" in details["AuthenticationErrorDetail"]


def test_a_request_without_credentials_is_refused_with_401_and_a_challenge(emulator: Emulator) -> None:
    with wire(emulator, auth=None) as stranger:
        response = stranger.get("/pools")
    assert_error(response, 401, "AuthenticationFailed")
    assert response.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")
    assert 'resource_id="https://batch.core.windows.net/"' in response.headers["WWW-Authenticate"]


def test_a_token_is_refused_without_https(emulator: Emulator) -> None:
    with wire(emulator, auth=None) as stranger:
        response = stranger.get("/pools", headers={"Authorization": f"Bearer {a_token().token}"})
    assert_error(response, 401, "AuthenticationFailed")


def test_nobody_learns_without_a_key_what_there_is(emulator: Emulator, job: str) -> None:
    with wire(emulator, auth=None) as stranger:
        there, not_there = stranger.get(f"/jobs/{job}"), stranger.get("/jobs/none")
        assert there.status_code == not_there.status_code == stranger.put("/nowhere").status_code == 401


def a_token(audience: str = "https://batch.core.windows.net/") -> AccessToken:
    """A JSON web token that nobody has signed."""
    expiry = int(time.time()) + 3600
    claims = json.dumps({"aud": audience, "exp": expiry}).encode()
    return AccessToken(f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.unsigned", expiry)


class Tokens:
    """A credential that has a token for any scope."""

    def __init__(self, audience: str = "https://batch.core.windows.net/") -> None:
        self.scopes: tuple[str, ...] = ()
        self._audience = audience

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes = scopes
        return a_token(self._audience)


@pytest.fixture(scope="module")
def secure(make_emulator: MakeEmulator) -> Emulator:
    return make_emulator(https=True)


def test_over_https_a_token_credential_is_taken(secure: Emulator) -> None:
    credential = Tokens()
    with BatchClient(secure.endpoint, credential, connection_verify=secure.authority) as client:
        client.create_job(new_job("by-token", "p"))
        assert [job.id for job in client.list_jobs()] == ["by-token"]
    assert credential.scopes == ("https://batch.core.windows.net//.default",)


def test_over_https_a_token_for_something_else_is_not(secure: Emulator) -> None:
    credential = Tokens("https://management.azure.com/")
    with (
        BatchClient(secure.endpoint, credential, connection_verify=secure.authority) as client,
        pytest.raises(ClientAuthenticationError) as caught,
    ):
        list(client.list_jobs())
    assert caught.value.status_code == 401


def test_over_https_a_key_is_still_taken(secure: Emulator) -> None:
    with connect(secure, connection_verify=secure.authority) as client:
        list(client.list_jobs())


# How a request must be


@pytest.mark.parametrize(
    "version", ["2022-10-01.16.0", "2023-05-01.17.0", "2024-02-01.19.0", "2024-07-01.20.0", "2025-06-01"]
)
def test_api_versions_in_use_are_served(http: httpx.Client, version: str) -> None:
    assert http.get("/pools", params={"api-version": version}).status_code == 200


@pytest.mark.parametrize("version", ["2019-08-01.10.0", "2025-06-02", "latest", ""])
def test_other_api_versions_are_refused(http: httpx.Client, version: str) -> None:
    response = http.get("/pools", params={"api-version": version})
    assert_error(response, 400, "UnsupportedRequestVersion")


def test_a_request_must_name_an_api_version(emulator: Emulator) -> None:
    with wire(emulator, params={}) as http:
        details = assert_error(http.get("/pools"), 400, "MissingRequiredQueryParameter")
    assert details == {"QueryParameterName": "api-version"}


@pytest.mark.parametrize(
    "path", ["/", "/pool", "/pools/", "/jobs//tasks", "/jobs/j/tasks/t/terminated", "/control/faults"]
)
def test_a_path_that_is_no_resource_is_not_found(http: httpx.Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert_error(http.request(method, path), 404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/pools", "GET, POST"),
        ("POST", "/jobs/j", "DELETE, GET, PATCH, PUT"),
        ("GET", "/jobs/j/terminate", "POST"),
        ("OPTIONS", "/jobs/j/tasks/t", "DELETE, GET, PUT"),
    ],
)
def test_a_verb_that_a_resource_does_not_have_is_refused(
    http: httpx.Client, method: str, path: str, allowed: str
) -> None:
    response = http.request(method, path)
    assert_error(response, 405, "UnsupportedHttpVerb")
    assert response.headers["Allow"] == allowed


def test_a_verb_that_there_is_not_is_refused(http: httpx.Client) -> None:
    assert_error(http.request("PROPFIND", "/pools"), 400, "InvalidHttpVerb")


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b'{"id": "j",}', b"\xff", b'{"id": "\\ud800"}', b"[" * 100_000, b"[]{}"]
)
def test_a_body_that_is_no_json_is_refused(http: httpx.Client, body: bytes) -> None:
    response = http.post("/jobs", content=body, headers={"Content-Type": JSON})
    assert_error(response, 400, "InvalidRequestBody")


@pytest.mark.parametrize("body", ["[]", '"text"', "1", "null"])
def test_a_body_that_is_no_object_is_refused(http: httpx.Client, body: str) -> None:
    assert_error(http.post("/jobs", content=body), 400, "InvalidRequestBody")


def test_a_property_that_is_missing_is_named(http: httpx.Client) -> None:
    details = assert_error(http.post("/jobs", json={"id": "j"}), 400, "MissingRequiredProperty")
    assert details["PropertyName"] == "poolInfo"


def test_a_property_of_the_wrong_type_is_named(http: httpx.Client) -> None:
    job = {"id": "j", "poolInfo": {"poolId": "p"}, "constraints": {"maxTaskRetryCount": "three"}}
    details = assert_error(http.post("/jobs", json=job), 400, "InvalidPropertyValue")
    assert details["PropertyName"] == "constraints.maxTaskRetryCount"
    assert details["PropertyValue"] == "three"
    assert details["Reason"]


@pytest.mark.operation("create_job")
def test_a_number_may_be_written_as_a_string(http: httpx.Client) -> None:
    job = {"id": "strings", "poolInfo": {"poolId": "p"}, "priority": "3", "usesTaskDependencies": "true"}
    assert http.post("/jobs", json=job).status_code == 201
    made = http.get("/jobs/strings").json()
    assert (made["priority"], made["usesTaskDependencies"]) == (3, True)


def test_a_property_that_there_is_not_is_refused(http: httpx.Client) -> None:
    job = {"id": "j", "poolInfo": {"poolId": "p"}, "priorty": 3}
    details = assert_error(http.post("/jobs", json=job), 400, "InvalidRequestBody")
    assert "priorty" in details["Reason"]


def test_a_body_of_more_than_a_mebibyte_is_refused(http: httpx.Client) -> None:
    response = http.post("/jobs", content=b" " * ((1 << 20) + 1))
    assert_error(response, 413, "RequestBodyTooLarge")


def test_a_body_of_unknown_length_is_refused_where_it_gets_too_long(http: httpx.Client) -> None:
    response = http.post("/jobs", content=(b" " * 100_000 for _ in range(100)))
    assert_error(response, 413, "RequestBodyTooLarge")
    assert http.get("/jobs").status_code == 200


@pytest.mark.operation("create_task_collection")
def test_the_client_halves_collections_that_are_too_large(client: BatchClient) -> None:
    client.create_job(new_job("large", "no-pool"))
    padding = "x" * 30_000
    tasks = [new_task(f"t{i:02}", f"echo {padding}") for i in range(50)]
    results = client.create_tasks("large", tasks)
    assert len(results.result_values or ()) == 50
    assert len(list(client.list_tasks("large"))) == 50
