"""Nodes that go away under a task: it runs again elsewhere, or waits and says what for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from azure.batch import BatchClient, models

from remotebatch import JobStatus, SubmissionEnvironment
from tests.azurebatch.conftest import container_pool
from tests.azurebatch.faults.conftest import Runs, Services
from tests.support.batch import QUICKLY, Gate, wait_for, wait_for_nodes

TIMEOUT = 60.0


@contextmanager
def pool_of(services: Services, direct: BatchClient, nodes: int) -> Iterator[SubmissionEnvironment]:
    """An environment on a pool of its own."""
    pool_id = f"pool-{uuid.uuid4().hex[:8]}"
    direct.create_pool(container_pool(pool_id, nodes))
    wait_for_nodes(direct, pool_id, nodes)
    environment = services.environment(pool_id)
    yield environment
    environment.close()
    direct.begin_delete_pool(pool_id, **QUICKLY).result()


def pool_id_of(environment: SubmissionEnvironment) -> str:
    return str(environment.properties["pool_id"])


def waiting(runs: Runs, gate: Gate) -> Callable[[int], int]:
    """A function that notes its argument, then waits for the gate."""
    note, path = runs.noting(), str(gate.path)

    def wait(number: int) -> int:
        import os
        import time

        square: int = note(number)
        while not os.path.exists(path):
            time.sleep(0.02)
        return square

    return wait


def has_noted(runs: Runs, *numbers: int) -> None:
    """Wait until the tasks have."""
    wait_for(lambda: runs.noted, lambda noted: noted == list(numbers))


def lose(services: Services, node: Any, state: str) -> None:
    order = {"poolId": node.pool_id, "nodeId": node.node_id, "state": state}
    httpx.post(f"{services.emulator.endpoint}/control/losenode", json=order).raise_for_status()


@pytest.mark.parametrize("state", ["preempted", "unusable"])
def test_a_task_whose_node_is_lost_runs_again(
    services: Services, direct: BatchClient, runs: Runs, gate: Gate, state: str
) -> None:
    with pool_of(services, direct, nodes=2) as environment:
        job = environment.submit(waiting(runs, gate), 7)
        has_noted(runs, 7)
        lose(services, direct.get_task(job.provider_job_id, job.provider_task_id).node_info, state)
        has_noted(runs, 7, 7)
        gate.open()
        assert job.result(TIMEOUT) == 49
        assert (job.requeues, job.attempts) == (1, 1)


def test_a_task_without_any_node_waits_and_says_so(
    services: Services, direct: BatchClient, runs: Runs, gate: Gate
) -> None:
    with pool_of(services, direct, nodes=1) as environment:
        pool_id = pool_id_of(environment)
        job = environment.submit(waiting(runs, gate), 7)
        has_noted(runs, 7)
        wait_for(lambda: job.status is JobStatus.RUNNING)
        resize(direct, pool_id, 0)
        reason = f"pool {pool_id!r} has no nodes"
        wait_for(lambda: (job.status, job.status_reason), lambda found: found == (JobStatus.ACTIVE, reason))
        assert job.requeues == 1
        gate.open()
        resize(direct, pool_id, 1)
        assert job.result(TIMEOUT) == 49
        assert job.status_reason is None


def resize(client: BatchClient, pool_id: str, nodes: int) -> None:
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=nodes, node_deallocation_option="requeue")
    client.begin_resize_pool(pool_id, options, **QUICKLY).result()
