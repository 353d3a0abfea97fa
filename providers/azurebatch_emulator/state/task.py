"""One task: its states, attempts and end."""

from __future__ import annotations

from typing import Protocol

from msgspec.structs import replace

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as job_models
from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.protocol.models.common import FOREVER, moment, now, seconds
from azurebatch_emulator.protocol.models.job_tasks import JobPreparationAndReleaseStatus
from azurebatch_emulator.state.outcome import TaskOutcome


class TaskJob(Protocol):
    """The job of a task, as the task and what runs it see it."""

    resource: job_models.Job

    @property
    def key(self) -> str:
        """Its id as it is compared."""

    @property
    def is_active(self) -> bool:
        """Whether its tasks may start."""

    @property
    def priority(self) -> int:
        """From -1000 to 1000; higher goes first."""

    @property
    def most_at_once(self) -> int | None:
        """How many of its tasks may run at the same time; None for any number."""

    def enqueue(self, task: Task) -> None:
        """Have a task wait for its turn, if it may."""

    def save_task(self, task: Task) -> None:
        """Record a task."""

    def note_turn(self, task: Task, before: models.TaskState) -> None:
        """A task has changed its state."""

    def note_end(self, task: Task) -> None:
        """A task has ended, and its end is recorded."""

    def note_running(self, number: int) -> None:
        """The number of its tasks that occupy nodes has changed."""

    def save_visit(self, node_key: str, status: JobPreparationAndReleaseStatus) -> None:
        """Record how its preparation and release tasks went on a node."""

    def forget_visit(self, node_key: str) -> None:
        """Drop that record."""


class Task:
    """A task of a job."""

    __slots__ = ("dependencies_left", "job", "resource", "sequence", "subtasks")

    def __init__(self, job: TaskJob, resource: models.Task, sequence: int) -> None:
        self.job = job
        self.resource = resource
        self.sequence = sequence
        """Its place among all tasks of the account: lower ones go first."""
        self.dependencies_left = 0
        """Tasks that have to end before it may start."""
        self.subtasks: list[models.Subtask] | None = None

    @property
    def key(self) -> str:
        """Its id as it is compared: case does not matter."""
        return self.resource.id.lower()

    @property
    def slots(self) -> int:
        """Slots it occupies on a node."""
        return self.resource.required_slots or 1

    @property
    def instances(self) -> int:
        """Nodes that it runs on at once."""
        settings = self.resource.multi_instance_settings
        return 1 if settings is None else settings.number_of_instances or 1

    @property
    def state(self) -> models.TaskState:
        """Active, preparing, running or completed."""
        return self.resource.state

    @property
    def is_running(self) -> bool:
        """Whether it occupies a node."""
        return self.state in (models.TaskState.PREPARING, models.TaskState.RUNNING)

    @property
    def is_completed(self) -> bool:
        """Whether it has ended."""
        return self.state is models.TaskState.COMPLETED

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with success."""
        return self._execution.result is models.TaskResult.SUCCESS

    @property
    def wall_clock_limit(self) -> float | None:
        """Seconds that it may run; None for any time."""
        limit = self._constraints.max_wall_clock_time
        return None if limit in (None, FOREVER) else seconds(limit or FOREVER)

    @property
    def retention(self) -> float:
        """Seconds for which its files are kept after its end."""
        return seconds(self._constraints.retention_time or FOREVER)

    @property
    def retained_until(self) -> float | None:
        """When its files may go, in seconds since 1970; None if it has not ended."""
        ended_at = self._execution.end_time
        return None if ended_at is None else moment(ended_at).timestamp() + self.retention

    # -- events ------------------------------------------------------------------------------

    def prepare(self, node: models.NodeInfo) -> None:
        """It has been given a node, where its job's preparation task comes first."""
        self.resource.node_info = node
        self._turn(models.TaskState.PREPARING)

    def start(self, node: models.NodeInfo) -> None:
        """It runs on a node: its files are fetched, then its command begins."""
        self.resource.node_info = node
        self._record(start_time=now())
        self._turn(models.TaskState.RUNNING)

    def may_retry(self, outcome: TaskOutcome) -> bool:
        """Whether another attempt is due: only the task's own exit code causes one."""
        if not outcome.has_bad_exit_code:
            return False
        most = self._constraints.max_task_retry_count or 0
        return most < 0 or self._execution.retry_count < most

    def retry(self) -> None:
        """Another attempt of its command begins, on the same node."""
        time = now()
        self._record(retry_count=self._execution.retry_count + 1, last_retry_time=time, start_time=time)
        self._save()

    def wait_again(self) -> None:
        """Its node cannot run it: it waits for another."""
        execution = self._execution
        self._leave_node(
            models.TaskExecutionInfo(
                retry_count=execution.retry_count,
                last_retry_time=execution.last_retry_time,
                requeue_count=execution.requeue_count,
                last_requeue_time=execution.last_requeue_time,
            )
        )

    def requeue(self) -> None:
        """Its node is lost: it waits again, which does not count as a retry."""
        self._record(requeue_count=self._execution.requeue_count + 1, last_requeue_time=now())
        self.wait_again()

    def complete(self, outcome: TaskOutcome) -> None:
        """It has ended, with success or not."""
        result, time = models.TaskResult, now()
        self._record(
            end_time=time,
            exit_code=outcome.exit_code,
            failure_info=outcome.failure,
            container_info=outcome.container,
            result=result.SUCCESS if outcome.succeeded else result.FAILURE,
        )
        self._turn(models.TaskState.COMPLETED, time)

    def reactivate(self) -> None:
        """A failed task is to run again, with its retries as they were at first.

        :raises BatchServiceError: if it has not failed.
        """
        if not self.is_completed:
            raise BatchServiceError("TaskNotCompleted")
        if self.succeeded:
            raise BatchServiceError("TaskSucceeded")
        execution = self._execution
        self._leave_node(
            models.TaskExecutionInfo(
                retry_count=0,
                requeue_count=execution.requeue_count,
                last_requeue_time=execution.last_requeue_time,
            )
        )

    # -- within -----------------------------------------------------------------------------

    @property
    def _execution(self) -> models.TaskExecutionInfo:
        return self.resource.execution_info or models.NEVER_RUN

    @property
    def _constraints(self) -> models.TaskConstraints:
        return self.resource.constraints or models.DEFAULT_CONSTRAINTS

    def _record(self, **changes: object) -> None:
        self.resource.execution_info = replace(self._execution, **changes)

    def _leave_node(self, execution: models.TaskExecutionInfo) -> None:
        self.resource.execution_info = execution
        self.resource.node_info = None
        self.subtasks = None
        self._turn(models.TaskState.ACTIVE)

    def _turn(self, state: models.TaskState, time: str | None = None) -> None:
        resource, before = self.resource, self.state
        resource.previous_state = before
        resource.previous_state_transition_time = resource.state_transition_time
        resource.state = state
        resource.state_transition_time = time or now()
        self.job.note_turn(self, before)
        self._save()

    def _save(self) -> None:
        self.job.save_task(self)
