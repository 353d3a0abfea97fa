"""One node of a pool: its state, what runs on it, and its directories."""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import networks
from azurebatch_emulator.protocol.models import nodes as models
from azurebatch_emulator.protocol.models import pools as pool_models
from azurebatch_emulator.protocol.models import tasks as task_models
from azurebatch_emulator.protocol.models.common import now
from azurebatch_emulator.protocol.models.containers import ContainerRegistry
from azurebatch_emulator.state.configuration import AccountConfiguration
from azurebatch_emulator.state.task import Task

State = models.NodeState
ROOT_DIRECTORIES = ("applications", "fsmounts", "shared", "startup", "volatile", "workitems")
_MOST_RECENT_TASKS = 10
_READY = (State.IDLE, State.RUNNING)
_REFUSALS = {
    State.CREATING: "NodeBeingCreated",
    State.STARTING: "NodeBeingStarted",
    State.WAITING_FOR_START_TASK: "NodeBeingStarted",
    State.REBOOTING: "NodeBeingRebooted",
    State.REIMAGING: "NodeBeingReimaged",
    State.UNUSABLE: "NodeStateUnusable",
}


class NodePool(Protocol):
    """The pool of a node, as the node and what runs there see it."""

    resource: pool_models.Pool

    @property
    def configuration(self) -> AccountConfiguration:
        """How the account is set up."""

    @property
    def key(self) -> str:
        """Its id as it is compared."""

    @property
    def directory(self) -> str:
        """Where its nodes have their directories."""

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Its nodes, by their keys."""

    @property
    def runs_containers(self) -> bool:
        """Whether its nodes are prepared for tasks in containers."""

    @property
    def container_registries(self) -> Sequence[ContainerRegistry]:
        """Where its nodes get images from."""

    def save_node(self, node: Node) -> None:
        """Record a node."""


class Node:
    """A node: task slots of its own, and a directory tree like that of a real one."""

    def __init__(self, pool: NodePool, resource: models.Node) -> None:
        self.pool = pool
        self.resource = resource
        self.root = os.path.join(pool.directory, self.key)
        self.users: set[str] = set()
        """Names of the user accounts that clients have made; no login is possible."""
        self._running: dict[int, tuple[Task, int | None]] = {}  # by the run's key: task, number of subtask
        self._recent: deque[tuple[Task, int | None]] = deque(maxlen=_MOST_RECENT_TASKS)

    @property
    def key(self) -> str:
        """Its id as it is compared."""
        return self.resource.id.lower()

    @property
    def state(self) -> State:
        """What it is doing."""
        return self.resource.state

    @property
    def is_schedulable(self) -> bool:
        """Whether clients want tasks to start here."""
        return self.resource.scheduling_state is models.SchedulingState.ENABLED

    @property
    def takes_tasks(self) -> bool:
        """Whether tasks may start here."""
        return self.state in _READY and self.is_schedulable

    def make_directories(self) -> None:
        """Make its directory tree, if need be."""
        for name in ROOT_DIRECTORIES:
            os.makedirs(os.path.join(self.root, name), exist_ok=True)

    def job_directory(self, job_id: str) -> str:
        """Where a job's tasks have their directories."""
        return os.path.join(self.root, "workitems", job_id)

    def task_directory(self, job_id: str, task_id: str) -> str:
        """Where a task's streams and working directory are."""
        return os.path.join(self.job_directory(job_id), "job-1", task_id)

    def info(self, job_id: str, task_id: str) -> task_models.NodeInfo:
        """What a task shows of the node it runs on."""
        directory = f"workitems/{job_id}/job-1/{task_id}"
        return task_models.NodeInfo(
            affinity_id=self.resource.affinity_id,
            node_url=self.resource.url,
            pool_id=self.pool.resource.id,
            node_id=self.resource.id,
            task_root_directory=directory,
            task_root_directory_url=f"{self.resource.url}/files/{directory}",
        )

    def note_began(self, run: int, task: Task, subtask: int | None) -> None:
        """A task has begun here.

        :param run: names the run, until it ends.
        :param subtask: number of the instance, of a task that has several.
        """
        self._running[run] = task, subtask
        self._recent.appendleft((task, subtask))
        self.resource.total_tasks_run += 1
        self._count()

    def note_ended(self, run: int) -> None:
        """A task has ended here."""
        task, _ = self._running.pop(run)
        if task.is_completed and task.succeeded:
            self.resource.total_tasks_succeeded = (self.resource.total_tasks_succeeded or 0) + 1
        self._count()

    def turn(self, state: State, at: str | None = None) -> None:
        """Go to another state.

        :param at: when, if it is not now.
        """
        if self.state is not state:
            self.resource.state = state
            self.resource.state_transition_time = at or now()
            self.save()

    def turn_ready(self) -> None:
        """Go to the state of a node that is up: it is idle or runs tasks, or is offline."""
        if self._running:
            self.turn(State.RUNNING)
        else:
            self.turn(State.IDLE if self.is_schedulable else State.OFFLINE)

    def require(self, *states: State) -> None:
        """Check that it can do what is asked of it.

        :raises BatchServiceError: if it is in none of the states in which it can.
        """
        if self.state not in states:
            raise BatchServiceError(_REFUSALS.get(self.state, "NodeNotReady"))

    def require_ready(self) -> None:
        """Check that it is up.

        :raises BatchServiceError: if it is starting, leaving or broken.
        """
        self.require(*_READY, State.OFFLINE)

    def current(self) -> models.Node:
        """The resource with its most recent tasks."""
        self.resource.recent_tasks = [
            models.TaskInfo(
                task_state=task.state,
                task_url=task.resource.url,
                job_id=task.job.resource.id,
                task_id=task.resource.id,
                subtask_id=subtask,
                execution_info=task.resource.execution_info,
            )
            for task, subtask in self._recent
        ] or None
        return self.resource

    def save(self) -> None:
        """Record it."""
        self.pool.save_node(self)

    def _count(self) -> None:
        self.resource.running_tasks_count = len(self._running)
        self.resource.running_task_slots_count = sum(task.slots for task, _ in self._running.values())
        if self.state in _READY:
            self.turn_ready()


def new_node(resource: pool_models.Pool, dedicated: bool, address: str, number: int) -> models.Node:
    """A node of a pool that is just being made.

    :param address: its IP address.
    :param number: its place among the nodes of the pool.
    """
    time = now()
    node_id = f"tvmps_{secrets.token_hex(32)}_{'d' if dedicated else 'p'}"
    machines = resource.virtual_machine_configuration
    image = machines.image_reference if machines else None
    return models.Node(
        id=node_id,
        url=f"{resource.url}/nodes/{node_id}",
        state=State.CREATING,
        scheduling_state=models.SchedulingState.ENABLED,
        state_transition_time=time,
        allocation_time=time,
        ip_address=address,
        affinity_id=f"TVM:{node_id}",
        vm_size=resource.vm_size,
        total_tasks_run=0,
        total_tasks_succeeded=0,
        running_tasks_count=0,
        running_task_slots_count=0,
        is_dedicated=dedicated,
        endpoint_configuration=_endpoints(resource.network_configuration, address, number),
        virtual_machine_info=models.VirtualMachineInfo(
            image_reference=image and replace(image, exact_version=image.version)
        ),
    )


def _endpoints(
    network: networks.NetworkConfiguration | None, address: str, number: int
) -> networks.NodeEndpointConfiguration | None:
    """How a node's ports are reached: at its own address, where nothing has to be translated."""
    if network is None or network.endpoint_configuration is None:
        return None
    endpoints = [
        networks.InboundEndpoint(
            name=f"{nat.name}.{number}",
            protocol=nat.protocol,
            public_ip_address=address,
            public_fqdn=address,
            frontend_port=nat.backend_port,
            backend_port=nat.backend_port,
        )
        for nat in network.endpoint_configuration.inbound_nat_pools
    ]
    return networks.NodeEndpointConfiguration(inbound_endpoints=endpoints)
