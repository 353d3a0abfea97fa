"""What the state asks of the execution; :mod:`azurebatch_emulator.execution.executor` implements it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from azurebatch_emulator.protocol.models.job_tasks import JobPreparationAndReleaseStatus
from azurebatch_emulator.protocol.models.start_task import StartTask
from azurebatch_emulator.state.node import Node, NodePool
from azurebatch_emulator.state.outcome import TaskOutcome
from azurebatch_emulator.state.task import Task, TaskJob


class Dispatcher(Protocol):
    """Starts tasks on the nodes of one pool; tasks may wait here before the pool exists."""

    def attach(self, pool: NodePool) -> None:
        """The pool exists, or its scheduling policy has changed."""

    def open(self, node: Node) -> None:
        """A node takes tasks, if its state says so."""

    def close(self, node: Node) -> None:
        """A node takes no more tasks; those on it go on."""

    def remove(self, node: Node) -> None:
        """A node is gone, and nothing runs on it."""

    def vacate(self, node: Node, outcome: TaskOutcome | None) -> None:
        """End what runs on a node; without an outcome it waits again."""

    async def empty(self, node: Node) -> None:
        """Wait until nothing runs on a node."""

    def enqueue(self, task: Task) -> None:
        """A task waits for its turn."""

    def withdraw(self, task: Task) -> None:
        """A task waits no more."""

    def runs(self, task: Task) -> bool:
        """Whether a task has been given nodes, and has not left them yet."""

    def stop(self, task: Task, outcome: TaskOutcome | None) -> None:
        """End a running task; without an outcome it waits again."""

    def update_limit(self, task: Task) -> None:
        """The time that a task may run has changed."""

    def review(self, job: TaskJob) -> None:
        """A job's state, priority or number of parallel tasks has changed."""

    def remove_files(self, task: Task) -> None:
        """Remove what a task left on its nodes, once it runs no more."""

    def remove_job_files(self, job: TaskJob) -> None:
        """Remove what a job left on the nodes."""


class Visits(Protocol):
    """The preparation and release tasks of one job, on all nodes where it has been."""

    def restore(self, node_key: str, status: JobPreparationAndReleaseStatus) -> None:
        """Take back what the ledger has recorded of a node."""

    def statuses(self) -> Mapping[str, JobPreparationAndReleaseStatus]:
        """How the tasks went, by the node's key."""

    async def release(self) -> None:
        """Run the release task on all the nodes: the job is over."""


class Execution(Protocol):
    """Runs what the account wants to run."""

    def dispatcher(self, pool_id: str) -> Dispatcher:
        """The dispatcher of a pool, which may not exist yet."""

    def visits(self, job: TaskJob) -> Visits:
        """The preparation and release tasks of a job."""

    async def run_start_task(self, node: Node, task: StartTask) -> bool:
        """Run a node's start task to its end; returns whether it succeeded."""

    def discard(self, directories: Iterable[str]) -> None:
        """Remove directories; others may take their places at once. What cannot be removed stays."""

    def forget_job(self, job: TaskJob) -> None:
        """A job is gone, with the records of its visits."""

    def forget_pool(self, pool_id: str) -> None:
        """A pool is gone; tasks that wait for one of its id go on waiting."""

    async def close(self) -> None:
        """End everything that runs."""
