"""Collections of tasks: what the service says of each task counts, and large ones are split."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from remotebatch import Command, SubmissionEnvironment
from remotebatch.errors import ProviderError, ProviderUnavailable
from tests.azurebatch.faults.conftest import Account, Runs, Services
from tests.support.batch import Gate
from tests.support.proxy import Answer, Forward, Request, Treatment, failing, rewritten

TIMEOUT = 60.0
ADDING = "/addtaskcollection"


def lines(answer: Callable[[str], dict[str, Any]], request: Request) -> Answer:
    """An answer with a line for each task of a collection, of which none was added."""
    ids = [task["id"] for task in json.loads(request.body)["value"]]
    body = json.dumps({"value": [{"taskId": task_id, **answer(task_id)} for task_id in ids]})
    return Answer(200, {"Content-Type": "application/json;odata=minimalmetadata"}, body.encode())


def refused(status: str, code: str, only: str | None = None) -> Treatment:
    """Nothing is added; each task, or only one, is said to have failed."""

    def line(task_id: str) -> dict[str, Any]:
        if only not in (None, task_id):
            return {"status": "success"}
        message = {"lang": "en-US", "value": "The value is out of range.\nRequestId:0"}
        return {"status": status, "error": {"code": code, "message": message}}

    def treat(request: Request, _: Forward) -> Answer:
        return lines(line, request)

    return treat


def failed_on(status: str, *task_ids: str) -> Treatment:
    """Everything is added, and some of it is said not to have been."""

    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        for line in answer["value"]:
            if line["taskId"] not in task_ids:
                continue
            line["status"] = status
            line["error"] = {"code": "ServerBusy", "message": {"lang": "en-US", "value": "Later."}}
        return json.dumps(answer).encode()

    return rewritten(change)


def noting(runs: Runs, count: int, padding: int = 0) -> list[Command]:
    """Commands each of which leaves a note."""
    return [Command(["sh", "-c", f"echo {n} >> {runs.path}", "x" * padding]) for n in range(count)]


@pytest.mark.parametrize(
    "treatment",
    [
        refused("ServerError", "ServerBusy"),
        refused("servererror", "ServerBusy"),
        failed_on("ServerError", "10000002", "10000003"),
        failed_on("servererror", "10000003"),
        rewritten(lambda body: b'{"value": []}'),
    ],
    ids=["none added", "none added, lower case", "all added", "all added, lower case", "no lines"],
)
def test_tasks_that_the_service_failed_on_are_added_again(
    remote: SubmissionEnvironment, services: Services, runs: Runs, treatment: Treatment
) -> None:
    services.batch.order(treatment, "POST", ADDING)
    array = remote.map_submit(noting(runs, 3)).wait(TIMEOUT)
    assert array.succeeded
    assert runs.noted == [0, 1, 2]
    assert services.batch.count("POST", ADDING) >= 2


@pytest.mark.parametrize("status", ["ClientError", "clienterror"])
def test_a_refused_task_fails_the_submission_and_nothing_is_left(
    remote: SubmissionEnvironment, services: Services, account_now: Account, status: str
) -> None:
    services.batch.order(refused(status, "InvalidPropertyValue", only="10000002"), "POST", ADDING)
    with pytest.raises(ProviderError, match=r"task 10000002 .* InvalidPropertyValue: The value is out of"):
        remote.map_submit([Command(["sleep", "60"])] * 3)
    assert services.batch.count("POST", ADDING) == 1
    assert account_now.is_clean()


def test_a_collection_that_is_too_large_is_split(
    remote: SubmissionEnvironment, services: Services, runs: Runs, gate: Gate
) -> None:
    _, *rest = noting(runs, 101, padding=24_000)
    # the job goes on until all are added
    waiting = Command(["sh", "-c", gate.script(f"echo 0 >> {runs.path}")])
    array = remote.map_submit([waiting, *rest])
    gate.open()
    assert array.wait(TIMEOUT).succeeded
    assert runs.noted == list(range(101))
    assert services.batch.count("POST", ADDING) == 7  # one of 100, two of 50, four of 25


def test_a_job_that_is_too_large_for_a_request_is_refused(
    remote: SubmissionEnvironment, account_now: Account
) -> None:
    many = {f"VARIABLE_{number}": "x" * 100_000 for number in range(12)}
    with pytest.raises(ProviderError, match="too large for a request"):
        remote.options(environment=many).submit(abs, 1)
    assert account_now.is_clean()


@pytest.mark.parametrize(
    ("treatment", "most"),
    [(failing(500, "InternalError"), 7), (refused("ServerError", "ServerBusy"), 6)],
    ids=["every answer", "every line"],
)
def test_a_service_that_fails_for_ever_is_given_up(
    remote: SubmissionEnvironment,
    services: Services,
    account_now: Account,
    treatment: Treatment,
    most: int,
) -> None:
    services.batch.order(treatment, "POST", ADDING, times=1000)
    with pytest.raises(ProviderUnavailable, match="tasks cannot be added to job 'remotebatch-"):
        remote.map_submit([Command(["sleep", "60"])] * 3)
    assert services.batch.count("POST", ADDING) == most
    assert account_now.is_clean()
