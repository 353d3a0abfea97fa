"""Pools, jobs and tasks that the tests make, and waiting for what becomes of them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from azurebatch_emulator import Emulator

__all__ = [
    "QUICKLY",
    "Gate",
    "as_sent",
    "code_of",
    "connect",
    "delete_job",
    "disable_job",
    "has_completed",
    "make_job",
    "make_pool",
    "new_job",
    "new_pool",
    "new_task",
    "read_file",
    "refusal",
    "run_task",
    "shell",
    "task_states",
    "terminate_job",
    "unique",
    "wait_for",
    "wait_for_job",
    "wait_for_nodes",
    "wait_for_steady",
    "wait_for_task",
]

T = TypeVar("T")
QUICKLY: dict[str, Any] = {"polling_interval": 0.05}
"""How the client's pollers ask in tests: by themselves they wait 5 seconds."""
_GENEROUS = 60.0
"""Seconds after which something will not happen any more."""
_NUMBERS = itertools.count(1)


def connect(emulator: Emulator, **options: Any) -> BatchClient:
    """Microsoft's client of an emulator."""
    credential = AzureNamedKeyCredential(emulator.account, emulator.key)
    return BatchClient(emulator.endpoint, credential, **options)


def new_pool(pool_id: str, nodes: int = 1, **options: Any) -> models.BatchPoolCreateOptions:
    """A pool with as little said of it as possible."""
    image = models.BatchVmImageReference(publisher="debian", offer="debian-12", sku="12")
    machine = models.VirtualMachineConfiguration(
        image_reference=image, node_agent_sku_id="batch.node.debian 12"
    )
    least: dict[str, Any] = {
        "vm_size": "STANDARD_D2",
        "virtual_machine_configuration": machine,
        "target_dedicated_nodes": nodes,
    }
    return models.BatchPoolCreateOptions(id=pool_id, **(least | options))


def new_job(job_id: str, pool_id: str, **options: Any) -> models.BatchJobCreateOptions:
    """A job on a pool."""
    return models.BatchJobCreateOptions(id=job_id, pool_info=models.BatchPoolInfo(pool_id=pool_id), **options)


def new_task(task_id: str, script: str = "true", **options: Any) -> models.BatchTaskCreateOptions:
    """A task that runs a shell script."""
    return models.BatchTaskCreateOptions(id=task_id, command_line=shell(script), **options)


def make_pool(client: BatchClient, pool_id: str = "pool", nodes: int = 1, **options: Any) -> str:
    """Make a pool and wait for its nodes; returns its id."""
    client.create_pool(new_pool(pool_id, nodes, **options))
    wait_for_nodes(client, pool_id, nodes)
    return pool_id


def make_job(client: BatchClient, pool_id: str = "pool", **options: Any) -> str:
    """Make a job with an id of its own; returns the id."""
    job_id = unique("job")
    client.create_job(new_job(job_id, pool_id, **options))
    return job_id


def run_task(client: BatchClient, job_id: str, task: models.BatchTaskCreateOptions) -> models.BatchTask:
    """Run a task to its end."""
    client.create_task(job_id, task)
    return wait_for_task(client, job_id, task.id)


def unique(name: str) -> str:
    """A name with a number that no other has."""
    return f"{name}-{next(_NUMBERS)}"


def as_sent(**body: str) -> Any:
    """The body of a request, by the names on the wire: the client exports no model for some of them."""
    return body


def disable_job(client: BatchClient, job_id: str, tasks: str = "wait") -> None:
    """Disable a job, and wait until it is."""
    options = models.BatchJobDisableOptions(disable_tasks=tasks)
    client.begin_disable_job(job_id, options, **QUICKLY).result()


def terminate_job(client: BatchClient, job_id: str, reason: str = "enough") -> None:
    """Terminate a job, and wait until it is completed."""
    client.begin_terminate_job(job_id, options=as_sent(terminateReason=reason), **QUICKLY).result()


def delete_job(client: BatchClient, job_id: str) -> None:
    """Delete a job, and wait until it is gone."""
    client.begin_delete_job(job_id, **QUICKLY).result()


class Gate:
    """What tasks can be made to wait for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """The file that is there once the gate is open."""

    def script(self, after: str = "true") -> str:
        """A shell script that waits until the gate is opened, then goes on."""
        return f"while [ ! -e {self.path} ]; do sleep 0.02; done; {after}"

    def open(self) -> None:
        """Let them go on, and all that come later."""
        self.path.touch()


def shell(script: str) -> str:
    """The command line that runs a shell script, which has no single quotes in it."""
    return f"/bin/sh -c '{script}'"


def wait_for(what: Callable[[], T], accept: Callable[[T], bool] = bool, timeout: float = _GENEROUS) -> T:
    """Ask again and again until the answer is accepted, and return it."""
    deadline = time.monotonic() + timeout
    while not accept(answer := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r} after {timeout} s")
        time.sleep(0.02)
    return answer


def wait_for_job(client: BatchClient, job_id: str, state: str = "completed") -> models.BatchJob:
    """Wait until a job is in a state."""
    return wait_for(lambda: client.get_job(job_id), lambda job: job.state == state)


def has_completed(client: BatchClient, job_id: str, count: int) -> bool:
    """Whether so many tasks of a job have completed."""
    return bool(client.get_job_task_counts(job_id).task_counts.completed == count)


def task_states(client: BatchClient, job_id: str) -> dict[str, str]:
    """The states of a job's tasks, by their ids."""
    return {task.id: task.state for task in client.list_tasks(job_id, select=["id", "state"])}


def wait_for_task(
    client: BatchClient, job_id: str, task_id: str, state: str = "completed"
) -> models.BatchTask:
    """Wait until a task is in a state."""
    return wait_for(lambda: client.get_task(job_id, task_id), lambda task: task.state == state)


def wait_for_steady(client: BatchClient, pool_id: str) -> models.BatchPool:
    """Wait until no resize of a pool is under way."""
    return wait_for(lambda: client.get_pool(pool_id), lambda pool: pool.allocation_state == "steady")


def wait_for_nodes(
    client: BatchClient, pool_id: str, count: int = 1, state: str = "idle"
) -> list[models.BatchNode]:
    """Wait until so many nodes of a pool, and no others, are in a state."""
    return wait_for(
        lambda: list(client.list_nodes(pool_id)),
        lambda nodes: len(nodes) == count and all(node.state == state for node in nodes),
    )


class Refusal(NamedTuple):
    """What the service says when it refuses a request."""

    code: str
    values: dict[str, str]


def refusal(error: HttpResponseError) -> Refusal:
    """Why a request was refused."""
    told: Any = error.model
    return Refusal(told.code, {detail.key: detail.value for detail in told.error_values or ()})


def code_of(action: Callable[[], Any]) -> str:
    """The code of the error that an action is refused with."""
    try:
        action()
    except HttpResponseError as error:
        return refusal(error).code
    raise AssertionError("nothing was refused")


def read_file(client: BatchClient, job_id: str, task_id: str, name: str = "stdout.txt") -> str:
    """What a task has written to a file so far; nothing if there is no such file yet."""
    try:
        return b"".join(client.download_task_file(job_id, task_id, name)).decode()
    except ResourceNotFoundError:
        return ""
