"""Requests that nobody should send: none is answered with 500, and none ends the service."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError
from hypothesis import given, settings
from hypothesis import strategies as st

from azurebatch_emulator import Emulator, Quotas
from azurebatch_emulator.web import application
from azurebatch_emulator.web.operation import OPERATIONS, Operation
from tests.support.batch import new_job, new_pool, new_task
from tests.support.emulator import AT_ONCE, EmulatorOptions
from tests.support.fuzzing import THERE, bodies, headers, paths, queries
from tests.support.wire import wire

assert application  # its import defines the operations
READS = [operation for operation in OPERATIONS if operation.method in ("GET", "HEAD")]
WRITES = [operation for operation in OPERATIONS if operation not in READS]
SCHEDULE = "every"
EMULATOR: EmulatorOptions = {
    "runtime": "process",  # no image of a strange name is sought anywhere
    "timings": AT_ONCE,
    "quotas": Quotas(pools=10_000, active_jobs=10_000, nodes=50),
}
# the same ones each time; what was found when they were many more is mended
some = settings(max_examples=100, deadline=None, derandomize=True, database=None)


class Victim:
    """An emulator that gets such requests, and whose answers are looked at."""

    def __init__(self, emulator: Emulator, http: httpx.Client, client: BatchClient) -> None:
        self.emulator = emulator
        self._http = http
        self._client = client
        self.node_id = ""
        self.restore()

    def restore(self) -> None:
        """Make what requests are about, as far as it is not there."""
        makers: list[Callable[[], None]] = [
            lambda: self._client.create_pool(new_pool(THERE)),
            lambda: self._client.create_job(new_job(THERE, THERE)),
            lambda: self._client.create_task(THERE, new_task(THERE, "echo out")),
            lambda: self._client.create_job_schedule(_schedule()),
        ]
        for make in makers:
            with suppress(HttpResponseError):  # it is there, or is just being deleted
                make()
        with suppress(HttpResponseError):
            self.node_id = next((node.id or "" for node in self._client.list_nodes(THERE)), THERE)

    def path(self, operation: Operation, file: str = "stdout.txt") -> str:
        """The path of an operation on what is there."""
        values = {"nodeId": self.node_id, "filePath": file, "jobScheduleId": SCHEDULE}
        return re.sub(r"\{(\w+)[^}]*}", lambda match: values.get(match[1], THERE), operation.path)

    def send(self, method: str, path: str, **request: Any) -> None:
        """Send a request, and assert that the answer is a proper one."""
        response = self._http.request(method, self.emulator.endpoint + path, **request)
        assert response.status_code < 500 or response.status_code in (501, 503), response.text
        if response.status_code >= 400 and method != "HEAD":
            error = response.json()
            assert error["code"]
            assert error["message"]["value"]
            if error["code"] == "JobCompleted":
                self._http.delete(f"/jobs/{THERE}")
            if re.fullmatch("(Pool|Node|Job|Task|JobSchedule)(NotFound|Completed)", error["code"]):
                self.restore()


def _schedule() -> models.BatchJobScheduleCreateOptions:
    """One that makes a job only once."""
    specification = models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id=THERE))
    return models.BatchJobScheduleCreateOptions(
        id=SCHEDULE, schedule=models.BatchJobScheduleConfiguration(), job_specification=specification
    )


@pytest.fixture(scope="module")
def victim(emulator: Emulator, client: BatchClient) -> Iterator[Victim]:
    with wire(emulator) as http:
        yield Victim(emulator, http, client)
        emulator.kill()
        emulator.restart()  # with all that the requests have left behind
        assert http.get("/pools").status_code == 200
        log = (Path(emulator.data) / "service.log").read_text()
        assert " ERROR " not in log, log


@some
@given(st.data())
def test_bodies(victim: Victim, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(WRITES), "operation")
    victim.send(
        operation.method, victim.path(operation), content=json.dumps(data.draw(bodies(operation), "body"))
    )


@some
@given(st.sampled_from(WRITES), st.binary(max_size=50) | st.text('{}[]",:0123e.-\\u ', max_size=50))
def test_bodies_that_are_no_json(victim: Victim, operation: Operation, body: bytes | str) -> None:
    victim.send(operation.method, victim.path(operation), content=body)


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"id":['])
def test_bodies_without_end(victim: Victim, opening: str) -> None:
    settings = (
        '{"id": "deep", "vmSize": "a", "virtualMachineConfiguration": {"extensions": [{"settings": {"a": '
    )
    for operation in WRITES:
        victim.send(operation.method, victim.path(operation), content=opening * 100_000)
        victim.send(operation.method, victim.path(operation), content=settings + opening * 100_000)


@some
@given(st.sampled_from([*{operation.method for operation in OPERATIONS}, "OPTIONS", "TRACE", "A"]), paths)
def test_paths(victim: Victim, method: str, path: str) -> None:
    victim.send(method, path)


@some
@given(st.sampled_from([operation for operation in OPERATIONS if "filePath" in operation.path]), paths)
def test_paths_of_files(victim: Victim, operation: Operation, file: str) -> None:
    victim.send(operation.method, victim.path(operation, file.removeprefix("/")))


@some
@given(st.sampled_from(READS), queries)
def test_queries(victim: Victim, operation: Operation, query: dict[str, str]) -> None:
    victim.send(operation.method, victim.path(operation), params=query)


@some
@given(st.sampled_from(OPERATIONS), headers)
def test_headers(victim: Victim, operation: Operation, wanted: dict[str, str]) -> None:
    victim.send(operation.method, victim.path(operation), headers=wanted)


@some
@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"GET /pools HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n"]))
)
def test_what_is_no_http(victim: Victim, parts: list[bytes]) -> None:
    address = urlsplit(victim.emulator.endpoint)
    with socket.create_connection((address.hostname, address.port or 0), timeout=10) as connection:
        connection.sendall(b"".join(parts))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
    victim.send("GET", "/pools")
