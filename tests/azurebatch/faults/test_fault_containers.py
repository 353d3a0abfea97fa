"""Containers that are killed or cannot be made: the right failure, and none is left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from azurebatch_emulator import Emulator
from remotebatch import Command, FailureType, SubmissionEnvironment
from tests.support.batch import connect, wait_for

TIMEOUT = 90.0


@pytest.fixture(autouse=True)
def none_left(account: Emulator) -> Iterator[None]:
    """There are no containers of the emulator's after a test, not even ended ones."""
    yield
    label = f"label=remotebatch.root={account.data}"
    listing = ["docker", "ps", "--all", "--quiet", "--filter", label]
    wait_for(lambda: subprocess.run(listing, check=True, capture_output=True).stdout, lambda ids: not ids)


@pytest.mark.parametrize("kind", ["function", "command"])
def test_a_container_that_is_killed_for_memory(env: SubmissionEnvironment, kind: str) -> None:
    def fill_memory(megabytes: int) -> int:
        return len(bytes(range(256)) * 4096 * megabytes)

    limited = env.options(container_run_options="--memory=32m --memory-swap=32m")
    fill = "b = bytes(range(256)) * 4096 * 500"
    job = (
        limited.submit(fill_memory, 500)
        if kind == "function"
        else limited.submit(Command(["python3", "-c", fill]))
    ).wait(TIMEOUT)
    assert (job.failure_type, job.exit_code) == (FailureType.OUT_OF_MEMORY, 137)
    assert "killed by SIGKILL" in str(job.status_reason)


def test_an_image_that_is_not_there(env: SubmissionEnvironment) -> None:
    missing = env.options(container_image="localhost:9/no/such-image:1")
    job = missing.submit(abs, -1).wait(TIMEOUT)
    assert job.failure_type is FailureType.IMAGE_UNAVAILABLE
    assert "localhost:9/no/such-image:1" in str(job.status_reason)


def test_run_options_that_no_engine_knows(env: SubmissionEnvironment) -> None:
    job = env.options(container_run_options="--no-such-option").submit(abs, -1).wait(TIMEOUT)
    assert job.failure_type is FailureType.SETUP_FAILED
    assert "--no-such-option" in str(job.status_reason)


def test_a_container_whose_node_is_lost(env: SubmissionEnvironment, account: Emulator) -> None:
    job = env.submit(Command(["sh", "-c", "sleep 2; echo $REMOTEBATCH_TASK_INDEX"]))
    wait_for(lambda: str(job.status) == "Running")
    with closing(connect(account)) as client:
        node = client.get_task(job.provider_job_id, job.provider_task_id).node_info
    assert node is not None
    lost = {"poolId": node.pool_id, "nodeId": node.node_id}
    httpx.post(f"{account.endpoint}/control/losenode", json=lost).raise_for_status()
    assert job.result(TIMEOUT).stdout == "0\n"
    assert job.requeues == 1


def test_containers_end_with_the_job_that_is_aborted(env: SubmissionEnvironment) -> None:
    array = env.map_submit([Command(["sleep", "600"]) for _ in range(3)])
    wait_for(lambda: array.counts.running, lambda running: running == 3)
    array[1].abort().wait(TIMEOUT)
    assert array.abort().wait(TIMEOUT).failed
    assert {child.failure_type for child in array} == {FailureType.ABORTED}
