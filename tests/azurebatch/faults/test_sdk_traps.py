"""Surprising behaviour of Microsoft's client must not reach our users."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from azure.batch import BatchClient

from remotebatch import Command, FailureType, JobStatus, SubmissionEnvironment
from remotebatch.errors import ProviderError
from tests.azurebatch.faults.conftest import Services
from tests.support.batch import Gate, wait_for
from tests.support.proxy import Treatment, rewritten

TIMEOUT = 60.0
ADDING = "/addtaskcollection"
EVER = 10_000
WORDS = re.compile(
    rb'"(category|result|state|onAllTasksComplete|terminateReason|code)":\s*"([A-Za-z])([A-Za-z]*)"'
)


def capitalized(body: bytes) -> bytes:
    """The words of an answer as the service's earlier versions, or its next one, may write them."""
    return WORDS.sub(lambda word: b'"%s":"%s%s"' % (word[1], word[2].upper(), word[3]), body)


def lowered(body: bytes) -> bytes:
    return WORDS.sub(lambda word: b'"%s":"%s%s"' % (word[1], word[2].lower(), word[3].lower()), body)


@pytest.mark.parametrize("treatment", [rewritten(capitalized), rewritten(lowered)], ids=["Word", "word"])
def test_words_are_understood_in_any_case(
    remote: SubmissionEnvironment, services: Services, treatment: Treatment, gate: Gate
) -> None:
    services.batch.order(treatment, times=EVER)
    scripts = ["true", "exit 3", gate.script(), gate.script()]
    array = remote.map_submit([Command(["sh", "-c", script]) for script in scripts])
    missing = remote.submit(Command(["no-such-program"]))
    array[3].abort().wait(TIMEOUT)
    array[1].wait(TIMEOUT)
    wait_for(lambda: array[2].status is JobStatus.RUNNING)
    array.abort().wait(TIMEOUT)
    assert [child.status for child in array] == [JobStatus.SUCCEEDED] + [JobStatus.FAILED] * 3
    assert [child.failure_type for child in array] == [
        None,
        FailureType.NON_ZERO_EXIT,
        FailureType.ABORTED,
        FailureType.ABORTED,
    ]
    assert {str(child.status_reason)[:21] for child in array[2:]} == {"aborted by remotebatch"[:21]}
    assert missing.wait(TIMEOUT).failure_type is FailureType.NON_ZERO_EXIT
    assert array.id in [job.id for job in remote.jobs()]
    array.delete()
    assert array.id not in [job.id for job in remote.jobs()]


def test_an_abort_from_outside_is_understood_in_any_case(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient
) -> None:
    services.batch.order(rewritten(capitalized), times=EVER)
    job = remote.options(sas_lifetime=1).submit(Command(["sleep", "60"]))
    assert job.wait(TIMEOUT).failure_type is FailureType.ACCESS_EXPIRED


def test_tasks_are_added_without_the_clients_own_loop(
    remote: SubmissionEnvironment, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("it takes refusals for successes, and repeats without an end")

    for name in ("create_tasks", "create_task", "begin_terminate_job", "begin_delete_job"):
        monkeypatch.setattr(BatchClient, name, forbidden)
    array = remote.map_submit([Command(["sleep", "60"])] * 3)
    array.abort().wait(TIMEOUT)
    array.delete()
    assert services.batch.count("POST", ADDING) == 1


def test_tasks_are_added_in_their_order(remote: SubmissionEnvironment, services: Services) -> None:
    array = remote.map_submit([Command(["sleep", "60"])] * 5)
    adding = next(request for request in services.batch.requests if ADDING in request.path)
    ids = [task["id"] for task in json.loads(adding.body)["value"]]
    assert ids == ["10000002", "10000003", "10000004", "10000005"]
    array.delete()


def test_an_end_has_a_reason_and_nobody_asks_on_for_it(
    remote: SubmissionEnvironment, services: Services
) -> None:
    job = remote.submit(Command(["sleep", "60"]))
    services.batch.clear()
    job.abort()
    ending = services.batch.requests[-1]
    assert json.loads(ending.body)["terminateReason"].startswith("aborted by remotebatch on behalf of ")
    job.wait(TIMEOUT)
    job.delete()
    assert services.batch.count("GET", "^/jobs/[^/]*[?]") <= 2  # for the reason; a poller asks in a thread
    assert services.batch.count("POST") == services.batch.count("DELETE") == 1


def test_a_pool_that_is_missing_is_named(services: Services) -> None:
    environment = services.environment("no-such-pool")
    with pytest.raises(ProviderError, match="the Batch account has no pool 'no-such-pool'; check the name"):
        environment.submit(abs, -1)
    environment.close()


def test_no_request_depends_on_a_version(remote: SubmissionEnvironment, services: Services) -> None:
    array = remote.map_submit(abs, range(3))
    array.results(TIMEOUT)
    array.abort()
    array.delete()
    names = {name.lower() for request in services.batch.requests for name, _ in request.headers}
    assert names.isdisjoint({"if-match", "if-none-match"})  # then every error would look the same


def test_a_part_of_a_stream_is_asked_for_as_the_client_can_take_it(
    remote: SubmissionEnvironment, services: Services, gate: Gate
) -> None:
    job = remote.submit(Command(["sh", "-c", f"echo one; {gate.script()}"]))
    wait_for(lambda: job.log() == "one\n")
    provider, record = remote._client.provider, job._tracker.record
    assert provider.read_stream(record, 0, "stdout", 2) == b"e\n"
    assert provider.read_stream(record, 0, "stdout", 4) == b""
    ranges = [
        text for request in services.batch.requests for name, text in request.headers if name == "ocp-range"
    ]
    assert ranges == ["bytes=2-", "bytes=4-"]
    gate.open()
