"""The emulator answers as the real Azure Batch service did when its traffic was recorded.

The recordings are those of the SDKs for .NET, Java, JavaScript and Python (Azure/azure-sdk-assets) and of
the az CLI (Azure/azure-cli), and the pairs in azure-batch-traffic.json, by their index. Compared are status,
headers, the set of fields, their types, and what the service fills in.
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from azurebatch_emulator import Emulator, Timings
from tests.emulator.golden import account, files, jobs, nodes, pools, schedules, tasks
from tests.emulator.golden.client import Client
from tests.emulator.golden.comparison import Difference, compare
from tests.emulator.golden.differences import ALLOWED
from tests.emulator.golden.flows import Flow, Step
from tests.emulator.golden.recorded import Answer
from tests.support.emulator import EmulatorOptions

FLOWS: list[Flow] = [
    flow for module in (account, pools, nodes, jobs, tasks, files, schedules) for flow in module.FLOWS
]
DEADLINE = 60
EMULATOR: EmulatorOptions = {
    "timings": Timings(resize=1, node_start=1, job_terminate=1, job_delete=1, pool_delete=1)
}
"""An account that takes its time, as Azure does, so that all states can be seen."""


@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_recorded_flow_is_answered_as_by_azure(flow: Flow, emulator: Emulator) -> None:
    token = uuid.uuid4().hex[:8]
    with Client(emulator.endpoint, emulator.account, emulator.key) as client:
        names = {name: f"golden-{name}-{token}" for name in ("pool", "job", "task", "schedule")}
        names["endpoint"] = client.endpoint
        if any("{container_url}" in str(step.body) for step in flow.steps):
            names["container_url"] = container_url(emulator.storage_connection_string, token)
        try:
            found = [
                f"step {number}, {step.method} {step.path}: {difference}"
                for number, step in enumerate(flow.steps, 1)
                for difference in play(step, client, names, flow.refusable)
            ]
        finally:
            for path in ("/jobschedules/{schedule}", "/jobs/{job}", "/pools/{pool}"):
                client.send("DELETE", path.format(**names))
    assert not found, "\n".join(["the answers differ:", *found])


def play(step: Step, client: Client, names: dict[str, str], refusable: str) -> list[Difference]:
    """Send a request, wait for the state it waits for, and return all that differs."""
    response = send(step, client, names)
    deadline = time.monotonic() + DEADLINE
    while step.until is not None and at(response, step.until[0]) != filled(step.until[1], names):
        place, awaited = step.until
        assert time.monotonic() < deadline, f"{place} is not {awaited!r}: {response.text}"
        time.sleep(0.05)
        response = send(step, client, names)
    if response.status_code == 501 and refusable:
        pytest.skip(f"refused: {refusable}")
    if step.keep is not None:
        name, place = step.keep
        names[name] = str(at(response, place))
    if not step.answers:
        assert response.is_success, f"{step.method} {step.path}: {response.text}"
        return []
    return min((differences(answer, response, names) for answer in step.answers), key=len)


def differences(answer: Answer, response: httpx.Response, names: dict[str, str]) -> list[Difference]:
    """What differs and may not."""
    return [
        difference
        for difference in compare(answer, response, names)
        if not any(allowed.covers(answer.operation, difference) for allowed in ALLOWED)
    ]


def send(step: Step, client: Client, names: dict[str, str]) -> httpx.Response:
    """The request of a step, with the names filled in."""
    return client.send(
        step.method,
        filled(step.path, names),
        body=filled(step.body, names),
        query=filled(dict(step.query), names),
        headers=dict(step.headers),
        account=step.account,
    )


def filled(value: Any, names: dict[str, str]) -> Any:
    """A value with the names filled in, in all its texts."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value


def at(response: httpx.Response, place: str) -> object:
    """A member of a JSON answer, as in "value.0.state"; None where there is none."""
    if not response.headers.get("content-type", "").startswith("application/json"):
        return None
    value: Any = response.json()
    for part in place.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def container_url(connection_string: str, token: str) -> str:
    """The URL of a new container, with a signature that lets it be written to."""
    with BlobServiceClient.from_connection_string(connection_string) as storage:
        container = storage.create_container(f"golden-{token}")
        signature = generate_container_sas(
            str(storage.account_name),
            container.container_name,
            account_key=storage.credential.account_key,
            permission=ContainerSasPermissions(read=True, write=True, create=True, list=True),
            expiry=datetime.now(timezone.utc) + timedelta(hours=1),
        )
        return f"{container.url}?{signature}"


def test_every_pair_of_recorded_traffic_is_replayed() -> None:
    answers = [answer for flow in FLOWS for step in flow.steps for answer in step.answers]
    sources = {source for answer in answers for source in answer.sources}
    assert {f"azure-batch-traffic {number}" for number in range(29)} <= sources
