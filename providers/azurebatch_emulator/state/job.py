"""One job: its tasks, and what it does when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from azurebatch_emulator.execution.failures import ended_by_user
from azurebatch_emulator.execution.visit import Visits
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as models
from azurebatch_emulator.protocol.models import tasks as task_models
from azurebatch_emulator.state import dependencies, exit_conditions, job_manager, job_pool
from azurebatch_emulator.state.counts import Counts
from azurebatch_emulator.state.dependencies import Dependencies
from azurebatch_emulator.state.job_life import JobLife
from azurebatch_emulator.state.task import Ending, Task
from azurebatch_emulator.state.touch import touch

if TYPE_CHECKING:
    from azurebatch_emulator.execution.dispatcher import Dispatcher
    from azurebatch_emulator.state.account import Account

State = models.JobState
_REFUSALS = {
    State.COMPLETED: "JobCompleted",
    State.TERMINATING: "JobBeingTerminated",
    State.DELETING: "JobBeingDeleted",
}
_WHEN_ALL_COMPLETE = models.OnAllTasksComplete


_ENDED, _SATISFIED = "ended", "satisfied"
MARKS = (_ENDED, _SATISFIED)
"""What is recorded of tasks beside their resources: that a running one is to end at somebody's request,
and that a deleted one had ended as those that depend on it wanted."""


class Job:
    """A job of the account."""

    def __init__(self, account: Account, resource: models.Job) -> None:
        self.account = account
        self.resource = resource
        self.tasks: dict[str, Task] = {}
        self.counts = Counts()
        self._marks: dict[str, set[str]] = {kind: set() for kind in MARKS}
        self.visits = Visits(self)
        """The nodes that it has been to, for its preparation and release tasks."""
        self.life = JobLife(self)
        self._dependencies = Dependencies()

    @property
    def key(self) -> str:
        """Its id as it is compared: case does not matter."""
        return self.resource.id.lower()

    @property
    def state(self) -> State:
        """Where it stands."""
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
        return self.account.dispatcher(self.pool_id)

    def task(self, task_id: str) -> Task:
        """One of its tasks.

        :raises BatchServiceError: if there is none of that id.
        """
        try:
            return self.tasks[task_id.lower()]
        except KeyError:
            raise BatchServiceError("TaskNotFound") from None

    # -- tasks ------------------------------------------------------------------------------

    def add_task(self, add: task_models.TaskAdd) -> Task:
        """Take on a task.

        :raises BatchServiceError: if the job does not take it.
        """
        self.require_open()
        key = add.id.lower()
        if key in self.tasks:
            raise BatchServiceError("TaskExists")
        preparation, release = self.resource.job_preparation_task, self.resource.job_release_task
        if preparation is not None and (preparation.id or "").lower() == key:
            raise BatchServiceError("TaskIdSameAsJobPreparationTask")
        if release is not None and (release.id or "").lower() == key:
            raise BatchServiceError("TaskIdSameAsJobReleaseTask")
        dependencies.check(add.depends_on, bool(self.resource.uses_task_dependencies))
        exit_conditions.check(add.exit_conditions, self.resource)
        resource = task_models.new_task(self._with_own_retries(add), f"{self.resource.url}/tasks/{add.id}")
        task = Task(self, resource, self.account.next_sequence())
        self.tasks[key] = task
        self.counts.add(task)
        self._forget(_SATISFIED, key)
        self._dependencies.add(task)
        self.save_task(task)
        self.enqueue(task)
        return task

    def restore_task(self, resource: task_models.Task) -> None:
        """Take back a task from the ledger; see :meth:`resume` for what follows."""
        task = Task(self, resource, self.account.next_sequence())
        self.tasks[task.key] = task
        self.counts.add(task)

    def terminate_task(self, task: Task) -> None:
        """End a task at the user's request.

        :raises BatchServiceError: if it has ended already.
        """
        if task.is_completed:
            raise BatchServiceError("TaskCompleted")
        touch(task.resource)
        self._end_task(task)

    def reactivate_task(self, task: Task) -> None:
        """Have a failed task run again."""
        self.require_open()
        task.reactivate()
        touch(task.resource)
        self._dependencies.reopen(task)
        self.enqueue(task)

    def delete_task(self, task: Task) -> None:
        """End a task and forget it, with its files."""
        del self.tasks[task.key]
        self.counts.remove(task)
        if self.dispatcher.runs(task):
            self.dispatcher.stop(task, Ending.failed(ended_by_user()))
        else:
            self.dispatcher.withdraw(task)
        if self._dependencies.is_satisfied_by(task):
            self._remember(_SATISFIED, task)  # those that waited for it do so no more, restart or not
        self._dependencies.forget(task)
        self.forget_task(task)
        self.dispatcher.remove_files(task)
        self.end_if_done()

    def note_turn(self, task: Task, before: task_models.TaskState) -> None:
        """A task has gone from one state to another."""
        if self.tasks.get(task.key) is not task:
            return  # deleted meanwhile
        self.counts.turn(task, before)

    def note_end(self, task: Task) -> None:
        """A task has come to its end, and all is recorded: do what the job does about it."""
        if self.tasks.get(task.key) is not task:
            return
        self._forget(_ENDED, task.key)
        if self.resource.uses_task_dependencies and exit_conditions.satisfies_dependents(task):
            for freed in self._dependencies.satisfy(task):
                self.enqueue(freed)
        if not self.is_active:
            return
        action = exit_conditions.job_action(task, self.resource)
        if action is task_models.JobAction.NONE or job_manager.has_ended(self):
            self.end_if_done()
        elif action is task_models.JobAction.TERMINATE:
            self.life.terminate("TaskFailed")
        else:
            self.life.disable(models.DisableTasks.REQUEUE)

    def end_if_done(self, even_without_tasks: bool = False) -> None:
        """Terminate the job where it is to end by itself, with its manager or with all tasks."""
        if not self.is_active:
            return
        if job_manager.has_ended(self):
            self.life.terminate("JMComplete")
        elif (
            self.resource.on_all_tasks_complete is _WHEN_ALL_COMPLETE.TERMINATE_JOB
            and self.counts.unfinished == 0
            and (self.tasks or even_without_tasks)
        ):
            self.life.terminate("AllTasksComplete")

    def enqueue(self, task: Task) -> None:
        """Have a task wait for its turn, if it may."""
        if task.state is task_models.TaskState.ACTIVE and not task.dependencies_left and self.is_active:
            self.dispatcher.enqueue(task)

    def save_task(self, task: Task) -> None:
        """Record a task."""
        if self.tasks.get(task.key) is task:
            self.account.ledger.save("task", f"{self.key}/{task.key}", task.resource)
            if task.subtasks:
                subtasks = task_models.Subtasks(value=task.subtasks)
                self.account.ledger.save("subtasks", f"{self.key}/{task.key}", subtasks)

    def forget_marks(self) -> None:
        """Drop what is recorded of tasks beside their resources: the job is gone."""
        for kind, keys in self._marks.items():
            for key in list(keys):
                self._forget(kind, key)

    def forget_task(self, task: Task) -> None:
        """Drop the record of a task."""
        self._forget(_ENDED, task.key)
        for kind in ("task", "subtasks") if task.subtasks else ("task",):
            self.account.ledger.remove(kind, f"{self.key}/{task.key}")

    # -- what clients ask of it --------------------------------------------------------------

    def begin(self) -> None:
        """Start the life of a new job."""
        self.save()
        manager = self.resource.job_manager_task
        if manager is not None:
            self.add_task(job_manager.as_task(manager))
        self.life.keep_to_limit()

    def require_open(self) -> None:
        """See that it takes tasks and changes.

        :raises BatchServiceError: if it has ended or is about to.
        """
        if self.state in _REFUSALS:
            raise BatchServiceError(_REFUSALS[self.state])

    def change(self, **changes: object) -> None:
        """Set properties that a client has given.

        :raises BatchServiceError: if one of them cannot be changed so; then none is.
        """
        self.require_open()
        before, after = self.resource.on_all_tasks_complete, changes.get("on_all_tasks_complete")
        if before is _WHEN_ALL_COMPLETE.TERMINATE_JOB and after is _WHEN_ALL_COMPLETE.NO_ACTION:
            raise BatchServiceError(
                "InvalidPropertyValue",
                PropertyName="onAllTasksComplete",
                PropertyValue="noaction",
                Reason="A job that terminates when all tasks are complete cannot be changed not to.",
            )
        pool = changes.pop("pool_info", None)
        if isinstance(pool, models.PoolInfo):
            self._move(pool)
        for name, value in changes.items():
            setattr(self.resource, name, value)
        touch(self.resource)
        self.save()
        self.life.keep_to_limit()
        self.dispatcher.review(self)
        # to a job without tasks it matters only when it is told what to do once all are complete
        self.end_if_done(even_without_tasks=after is not None and after is not before)

    def resume(self) -> None:
        """Go on where the last service was stopped."""
        if self.resource.uses_task_dependencies:
            for task in self.tasks.values():
                if task.is_completed and exit_conditions.satisfies_dependents(task):
                    self._dependencies.satisfy(task)
        ended = []
        for task in self.tasks.values():
            if task.is_running and (self.state is State.TERMINATING or task.key in self._marks[_ENDED]):
                task.complete(Ending.failed(ended_by_user()))
                ended.append(task)
            elif task.is_running:
                self.dispatcher.remove_files(task)
                task.requeue()
            if not task.is_completed:
                self._dependencies.add(task, self._marks[_SATISFIED])
                self.enqueue(task)
        self.life.resume()
        for task in ended:
            self.note_end(task)
        self.end_if_done()

    def save(self) -> None:
        """Record the job itself."""
        self.account.ledger.save("job", self.key, self.resource)

    def restore_mark(self, kind: str, task_key: str) -> None:
        """Take back from the ledger what is known of a task beside its resource."""
        self._marks[kind].add(task_key)

    # -- within -----------------------------------------------------------------------------

    def _remember(self, kind: str, task: Task) -> None:
        self._marks[kind].add(task.key)
        self.account.ledger.save(kind, f"{self.key}/{task.key}", task_models.Mark())

    def _forget(self, kind: str, task_key: str) -> None:
        if task_key in self._marks[kind]:
            self._marks[kind].remove(task_key)
            self.account.ledger.remove(kind, f"{self.key}/{task_key}")

    def _with_own_retries(self, add: task_models.TaskAdd) -> task_models.TaskAdd:
        """A task that says nothing of retries has as many as its job says."""
        most = self.resource.constraints.max_task_retry_count if self.resource.constraints else None
        given = add.constraints or task_models.TaskConstraints()
        if most and given.max_task_retry_count is None:
            add.constraints = replace(given, max_task_retry_count=most)
        return add

    def _end_task(self, task: Task) -> None:
        ending = Ending.failed(ended_by_user())
        if self.dispatcher.runs(task):
            self._remember(_ENDED, task)
            self.dispatcher.stop(task, ending)
        else:
            self.dispatcher.withdraw(task)
            task.resource.node_info = task_models.NodeInfo()
            task.complete(ending)
            self.note_end(task)

    def _move(self, pool: models.PoolInfo) -> None:
        """Go to another pool, which only a disabled job may; or have an automatic one kept or dropped."""
        if pool.auto_pool_specification is not None:
            self.resource.pool_info = job_pool.keeping(self.resource.pool_info, pool.auto_pool_specification)
        elif (pool.pool_id or "").lower() != self.pool_id.lower():
            if self.state is not State.DISABLED:
                raise BatchServiceError("OperationInvalidForCurrentState")
            for task in self.tasks.values():
                self.dispatcher.withdraw(task)
            job_pool.drop(self.account, self.resource.pool_info, self.resource, job_pool.Lifetime.JOB)
            self.resource.pool_info = pool
            self.resource.execution_info = replace(self.execution, pool_id=pool.pool_id)
