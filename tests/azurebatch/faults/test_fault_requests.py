"""Requests of a job's life that fail for a moment: it ends right, and each of its tasks runs once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pytest

from remotebatch import Command, FailureType, JobNotFound, SubmissionEnvironment
from tests.azurebatch.faults.conftest import Runs, Services
from tests.support.proxy import Treatment, cut_after, cut_before, failing

TIMEOUT = 60.0
FAULTS: dict[str, Treatment] = {
    "busy": failing(503, "ServerBusy"),
    "throttled": failing(429, "TooManyRequests"),
    "broken": failing(500, "InternalError"),
    "cut before": cut_before,
    "cut after": cut_after,
}


@dataclass(frozen=True)
class Kind:
    """A kind of request."""

    service: Literal["batch", "blobs"]
    method: str
    path: str


KINDS = {
    "look at the pool": Kind("batch", "GET", "^/pools/"),
    "store the program": Kind("blobs", "PUT", "/remotebatch-objects/programs/"),
    "make the container": Kind("blobs", "PUT", r"/job-remotebatch-[^/]*\?restype=container"),
    "make the job": Kind("batch", "POST", r"^/jobs\?"),
    "add tasks": Kind("batch", "POST", "/addtaskcollection"),
    "store the inputs": Kind("blobs", "PUT", "/%24Inputs/inputs"),
    "list the tasks": Kind("batch", "GET", "^/jobs/[^/]+/tasks"),
    "read a result": Kind("blobs", "GET", r"/\$Results/"),
}
ENDING = {
    "end the job": Kind("batch", "POST", "^/jobs/[^/]+/terminate"),
    "end a task": Kind("batch", "POST", "^/jobs/[^/]+/tasks/[^/]+/terminate"),
    "leave a note": Kind("blobs", "PUT", "/%24Aborts/"),
}
REMOVING = {
    "remove the job": Kind("batch", "DELETE", "^/jobs/"),
    "remove the container": Kind("blobs", "DELETE", "/job-remotebatch-"),
}


def order(services: Services, kind: Kind, faults: Iterable[Treatment] = FAULTS.values()) -> None:
    """Let requests of a kind fail, by default in each way, one after the other."""
    for fault in faults:
        getattr(services, kind.service).order(fault, kind.method, kind.path)


def assert_all_happened(services: Services) -> None:
    assert services.batch.orders == services.blobs.orders == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_fails_in_each_way_in_a_row(
    remote: SubmissionEnvironment, services: Services, runs: Runs, kind: str
) -> None:
    order(services, KINDS[kind])
    array = remote.map_submit(runs.noting(), range(3), [bytes(8192)] * 3)
    assert array.results(TIMEOUT) == [0, 1, 4]
    assert_all_happened(services)
    assert runs.noted == [0, 1, 2]


@pytest.mark.parametrize("fault", [*FAULTS, "throttled with a hint"])
@pytest.mark.parametrize("kind", ["make the job", "add tasks"])
def test_a_request_that_makes_something_fails_once(
    remote: SubmissionEnvironment, services: Services, runs: Runs, kind: str, fault: str
) -> None:
    hinting = failing(429, "TooManyRequests", Retry_After="1")
    order(services, KINDS[kind], [FAULTS.get(fault, hinting)])
    array = remote.map_submit([Command(["sh", "-c", f"echo {n} >> {runs.path}"]) for n in range(3)])
    array.wait(TIMEOUT)
    assert_all_happened(services)
    assert runs.noted == [0, 1, 2]


def test_a_large_array_all_of_whose_requests_fail_in_each_way(
    remote: SubmissionEnvironment, services: Services, runs: Runs
) -> None:
    for kind in ("make the container", "make the job", "add tasks", "list the tasks", "store the inputs"):
        order(services, KINDS[kind])
    array = remote.map_submit([Command(["sh", "-c", f"echo {n} >> {runs.path}"]) for n in range(250)])
    assert set(array.wait(TIMEOUT).child_exit_codes) == {0}
    assert_all_happened(services)
    assert runs.noted == list(range(250))


@pytest.mark.parametrize("child", [None, 1], ids=["the job", "a task"])
def test_an_abort_and_a_removal_whose_requests_fail_in_each_way(
    remote: SubmissionEnvironment, services: Services, child: int | None
) -> None:
    array = remote.map_submit([Command(["sleep", "60"])] * 2)
    kinds = ["end the job"] if child is None else ["end a task", "leave a note"]
    for kind in kinds:
        order(services, ENDING[kind])
    aborted = (array if child is None else array[child]).abort().wait(TIMEOUT)
    assert_all_happened(services)
    assert "aborted by remotebatch on behalf of" in str(aborted.status_reason)
    assert array[1].failure_type is FailureType.ABORTED
    for removal in REMOVING.values():
        order(services, removal)
    array.delete()
    assert_all_happened(services)
    with pytest.raises(JobNotFound):
        remote.job(array.id)
