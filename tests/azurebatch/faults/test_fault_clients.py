"""Clients that die, are interrupted or are crossed by another while they submit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.batch import BatchClient

from remotebatch import ArrayJob, Command, FailureType, SubmissionEnvironment
from remotebatch.errors import ProviderUnavailable
from tests.azurebatch.conftest import POOL
from tests.azurebatch.faults.conftest import Account, Runs, Services
from tests.support.batch import wait_for, wait_for_job
from tests.support.proxy import Hold, cut_before

TIMEOUT = 60.0
CHILDREN, TOGETHER = 31, 10  # collections of the same size, as any may come first
ADDING = "/addtaskcollection"
SCRIPT = f"""
import json, sys
from remotebatch import Command, SubmissionEnvironment
from remotebatch_azurebatch.batch import task_requests
from remotebatch_azurebatch.tracking import submission_watch

task_requests.COLLECTION, submission_watch._STALLED = {TOGETHER}, 0.5
path, seconds = sys.argv[1:]
script = "echo {{}} >> {{}}; sleep {{}}"
env = SubmissionEnvironment("AzureBatch", pool_id={POOL!r})
try:
    array = env.map_submit(
        [Command(["sh", "-c", script.format(n, path, seconds)]) for n in range({CHILDREN})]
    )
except KeyboardInterrupt:
    sys.exit("interrupted")
array.wait({TIMEOUT})
print(json.dumps([str(child.failure_type) for child in array]))
"""


@contextmanager
def submitting(services: Services, runs: Runs, seconds: float = 0) -> Iterator[subprocess.Popen[str]]:
    """Another process that submits an array of commands, each of which leaves a note and sleeps."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, runs.path, str(seconds)],
        env=os.environ | services.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as client:
        try:
            yield client
        finally:
            client.kill()


def in_the_middle(services: Services, direct: BatchClient) -> tuple[Hold, str]:
    """Let one collection through and hold the others; returns when that has happened, with the job's id."""
    hold = Hold()
    services.batch.order(lambda _, forward: forward(), "POST", ADDING)
    services.batch.order(hold, "POST", ADDING, times=CHILDREN)
    hold.wait()
    adding = next(request for request in services.batch.requests if ADDING in request.path)
    azure_id = adding.path.split("/")[2]
    wait_for(lambda: sum(1 for _ in direct.list_tasks(azure_id)), lambda count: count == 1 + TOGETHER)
    return hold, azure_id


def attached(remote: SubmissionEnvironment, azure_id: str) -> ArrayJob[Any]:
    """The array, in this process."""
    array = remote.job(azure_id.removeprefix("remotebatch-"))
    assert isinstance(array, ArrayJob)
    return array


def test_a_client_that_is_killed_leaves_a_job_that_ends_and_can_be_completed(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, runs: Runs
) -> None:
    with submitting(services, runs) as client:
        hold, azure_id = in_the_middle(services, direct)
        client.kill()
        client.wait()
        hold.cut()
    services.batch.clear()
    wait_for_job(direct, azure_id)
    array = attached(remote, azure_id).wait(TIMEOUT)
    assert (array.counts.succeeded, array.counts.failed) == (1 + TOGETHER, CHILDREN - 1 - TOGETHER)
    missing = next(child for child in array if child.failed)
    assert missing.failure_type is FailureType.ABORTED
    assert missing.status_reason == "its submission was cut short before it was added: retry() adds it"
    array.retry().wait(TIMEOUT)
    assert array.succeeded
    assert runs.noted == list(range(CHILDREN))


def test_a_retry_that_is_cut_short_can_be_repeated(
    remote: SubmissionEnvironment, services: Services, runs: Runs
) -> None:
    once = "mkdir {0}.{1} 2> /dev/null && exit 1; echo {1} >> {0}"
    array = remote.map_submit([Command(["sh", "-c", once.format(runs.path, n)]) for n in range(4)])
    assert array.wait(TIMEOUT).child_exit_codes == [1] * 4
    services.batch.order(cut_before, "POST", ADDING, times=CHILDREN)
    with pytest.raises(ProviderUnavailable, match="tasks cannot be added"):
        array.retry()
    services.batch.clear()
    assert array.retry().wait(TIMEOUT).succeeded
    assert runs.noted == [0, 1, 2, 3]


def test_a_submission_that_is_interrupted_leaves_nothing(
    services: Services, direct: BatchClient, runs: Runs, account_now: Account
) -> None:
    with submitting(services, runs, seconds=60) as client:
        hold, _ = in_the_middle(services, direct)
        client.send_signal(signal.SIGINT)
        hold.release()
        _, errors = client.communicate(timeout=TIMEOUT)
    assert errors == "interrupted\n"
    assert account_now.is_clean()


def test_a_job_that_is_aborted_from_elsewhere_while_it_is_submitted(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, runs: Runs
) -> None:
    with submitting(services, runs, seconds=60) as client:
        hold, azure_id = in_the_middle(services, direct)
        array = attached(remote, azure_id).abort()
        wait_for_job(direct, azure_id)
        hold.release()
        output, errors = client.communicate(timeout=TIMEOUT)
    assert json.loads(output) == ["Aborted"] * CHILDREN, errors
    assert {child.failure_type for child in array.wait(TIMEOUT)} == {FailureType.ABORTED}
    assert "aborted by remotebatch on behalf of" in str(array[CHILDREN - 1].status_reason)
    assert len(list(direct.list_jobs(filter=f"startswith(id,'{azure_id}')"))) == 1
