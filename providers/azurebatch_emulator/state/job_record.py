"""One job as it is: its resource, its tasks, and what is recorded of them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Protocol

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as models
from azurebatch_emulator.protocol.models import tasks as task_models
from azurebatch_emulator.protocol.models.job_tasks import JobPreparationAndReleaseStatus
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.counts import Counts
from azurebatch_emulator.state.execution import Dispatcher
from azurebatch_emulator.state.job_pool import Pools
from azurebatch_emulator.state.retention import Retention
from azurebatch_emulator.state.task import Task

State = models.JobState
_REFUSALS = {
    State.COMPLETED: "JobCompleted",
    State.TERMINATING: "JobBeingTerminated",
    State.DELETING: "JobBeingDeleted",
}
ENDED, SATISFIED = "ended", "satisfied"
MARKS = (ENDED, SATISFIED)
"""What is recorded of tasks beside their resources: that a client has asked a running one to end, and that a
deleted one had ended as its dependents need it."""


class JobAccount(Pools, Protocol):
    """The account, as a job sees it."""

    context: Context
    retention: Retention

    def next_sequence(self) -> int:
        """The place of a new task among all tasks."""

    def forget_job(self, job: JobRecord) -> None:
        """A job is gone."""


class JobRecord(ABC):
    """The resource and the tasks of a job."""

    def __init__(self, account: JobAccount, resource: models.Job) -> None:
        self.account = account
        self.resource = resource
        self.tasks: dict[str, Task] = {}
        self.counts = Counts()
        self.calm = asyncio.Event()
        """Set while none of its tasks occupies a node."""
        self.calm.set()
        self.is_forgotten = False
        self._marks: dict[str, set[str]] = {kind: set() for kind in MARKS}
        self.visits = self.context.execution.visits(self)
        """The nodes that it has been to, for its preparation and release tasks."""

    @property
    def context(self) -> Context:
        """What everything in the account shares."""
        return self.account.context

    @property
    def key(self) -> str:
        """Its id as it is compared: case does not matter."""
        return self.resource.id.lower()

    @property
    def state(self) -> State:
        """Active, disabled, terminating, and so on."""
        return self.resource.state

    @property
    def is_active(self) -> bool:
        """Whether its tasks may start."""
        return self.state is State.ACTIVE

    @property
    def priority(self) -> int:
        """From -1000 to 1000; higher goes first."""
        return self.resource.priority or 0

    @property
    def most_at_once(self) -> int | None:
        """How many of its tasks may run at the same time; None for any number."""
        limit = self.resource.max_parallel_tasks
        return None if limit is None or limit < 0 else limit

    @property
    def execution(self) -> models.JobExecutionInfo:
        """How it runs or ran."""
        execution = self.resource.execution_info
        assert execution is not None  # every job has one from its creation
        return execution

    @property
    def pool_id(self) -> str:
        """Id of the pool that it runs on."""
        return self.execution.pool_id or ""

    @property
    def dispatcher(self) -> Dispatcher:
        """What starts its tasks."""
        return self.context.execution.dispatcher(self.pool_id)

    def task(self, task_id: str) -> Task:
        """One of its tasks.

        :raises BatchServiceError: if there is none of that id.
        """
        try:
            return self.tasks[task_id.lower()]
        except KeyError:
            raise BatchServiceError("TaskNotFound") from None

    def require_open(self) -> None:
        """Check that it takes tasks and changes.

        :raises BatchServiceError: if it has ended or is about to.
        """
        if self.state in _REFUSALS:
            raise BatchServiceError(_REFUSALS[self.state])

    def enqueue(self, task: Task) -> None:
        """Have a task wait for its turn, if it may."""
        if self._may_start(task) and self.is_active:
            self.dispatcher.enqueue(task)

    def wanted_nodes(self) -> int:
        """Tasks that could start if there were room; one of several instances counts once for each."""
        if not self.is_active or self.counts.active == 0:
            return 0
        return sum(task.instances for task in self.tasks.values() if self._may_start(task))

    def _may_start(self, task: Task) -> bool:
        return task.state is task_models.TaskState.ACTIVE and not task.dependencies_left

    # -- events ------------------------------------------------------------------------------

    def note_turn(self, task: Task, before: task_models.TaskState) -> None:
        """A task has changed its state."""
        if self.tasks.get(task.key) is not task:
            return  # deleted meanwhile
        self.counts.turn(task, before)

    def note_running(self, number: int) -> None:
        """The number of its tasks that occupy nodes has changed."""
        if number == 0:
            self.calm.set()
        else:
            self.calm.clear()

    @abstractmethod
    def note_end(self, task: Task) -> None:
        """A task has ended, and its end is recorded."""

    # -- records -----------------------------------------------------------------------------

    def save_task(self, task: Task) -> None:
        """Record a task."""
        if self.tasks.get(task.key) is task:
            self.context.ledger.save("task", f"{self.key}/{task.key}", task.resource)
            if task.subtasks:
                subtasks = task_models.Subtasks(value=task.subtasks)
                self.context.ledger.save("subtasks", f"{self.key}/{task.key}", subtasks)

    def save(self) -> None:
        """Record the job itself."""
        self.context.ledger.save("job", self.key, self.resource)

    def save_visit(self, node_key: str, status: JobPreparationAndReleaseStatus) -> None:
        """Record how its preparation and release tasks went on a node."""
        if not self.is_forgotten:
            self.context.ledger.save("visit", f"{self.key}/{node_key}", status)

    def forget_visit(self, node_key: str) -> None:
        """Drop that record."""
        self.context.ledger.remove("visit", f"{self.key}/{node_key}")

    def forget_marks(self) -> None:
        """Drop what is recorded of tasks beside their resources: the job is gone."""
        for kind, keys in self._marks.items():
            for key in list(keys):
                self.forget_mark(kind, key)

    def forget_task(self, task: Task) -> None:
        """Drop the record of a task."""
        self.forget_mark(ENDED, task.key)
        for kind in ("task", "subtasks") if task.subtasks else ("task",):
            self.context.ledger.remove(kind, f"{self.key}/{task.key}")

    def restore_mark(self, kind: str, task_key: str) -> None:
        """Take back from the ledger what is known of a task beside its resource."""
        self._marks[kind].add(task_key)

    def mark(self, kind: str, task: Task) -> None:
        """Record something of a task beside its resource."""
        self._marks[kind].add(task.key)
        self.context.ledger.save(kind, f"{self.key}/{task.key}", task_models.Mark())

    def is_marked(self, kind: str, task_key: str) -> bool:
        """Whether something is recorded of a task beside its resource."""
        return task_key in self._marks[kind]

    def marked(self, kind: str) -> frozenset[str]:
        """Keys of the tasks of which something is recorded."""
        return frozenset(self._marks[kind])

    def forget_mark(self, kind: str, task_key: str) -> None:
        """Drop what is recorded of a task beside its resource."""
        if task_key in self._marks[kind]:
            self._marks[kind].remove(task_key)
            self.context.ledger.remove(kind, f"{self.key}/{task_key}")
