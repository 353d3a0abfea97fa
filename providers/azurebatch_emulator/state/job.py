"""One job: its tasks, what it does when they end, and what clients ask of it."""

from __future__ import annotations

from msgspec.structs import replace

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.failures import ended_by_user
from azurebatch_emulator.protocol.models import jobs as models
from azurebatch_emulator.protocol.models import tasks as task_models
from azurebatch_emulator.state import dependencies, exit_conditions, job_manager, job_pool
from azurebatch_emulator.state.dependencies import Dependencies
from azurebatch_emulator.state.job_life import JobLife
from azurebatch_emulator.state.job_record import ENDED, SATISFIED, JobAccount, JobRecord, State
from azurebatch_emulator.state.outcome import TaskOutcome
from azurebatch_emulator.state.task import Task
from azurebatch_emulator.state.touch import touch

_WHEN_ALL_COMPLETE = models.OnAllTasksComplete


class Job(JobRecord):
    """A job of the account."""

    def __init__(self, account: JobAccount, resource: models.Job) -> None:
        super().__init__(account, resource)
        self.life = JobLife(self)
        self._dependencies = Dependencies()

    # -- tasks ------------------------------------------------------------------------------

    def add_task(self, add: task_models.TaskAdd) -> Task:
        """Add a task.

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
        self.forget_mark(SATISFIED, key)
        self._dependencies.add(task)
        self.save_task(task)
        self.enqueue(task)
        return task

    def restore_task(self, resource: task_models.Task) -> None:
        """Add a task from the ledger; :meth:`resume` does the rest."""
        task = Task(self, resource, self.account.next_sequence())
        self.tasks[task.key] = task
        self.counts.add(task)

    def terminate_task(self, task: Task) -> None:
        """End a task at the request of a client.

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

    def limit_task(self, task: Task, constraints: task_models.TaskConstraints) -> None:
        """Give a task other constraints.

        :raises BatchServiceError: if it has ended.
        """
        if task.is_completed:
            raise BatchServiceError("TaskCompleted")
        task.resource.constraints = constraints
        touch(task.resource)
        self.save_task(task)
        self.dispatcher.update_limit(task)

    def delete_task(self, task: Task) -> None:
        """End a task and remove it, with its files."""
        del self.tasks[task.key]
        self.counts.remove(task)
        if self.dispatcher.runs(task):
            self.dispatcher.stop(task, TaskOutcome.failed(ended_by_user()))
        else:
            self.dispatcher.withdraw(task)
        if self._dependencies.is_satisfied_by(task):
            self.mark(SATISFIED, task)  # its dependents do not wait again after a restart
        self._dependencies.forget(task)
        self.forget_task(task)
        self.dispatcher.remove_files(task)
        self.life.end_if_done()

    def note_end(self, task: Task) -> None:
        """A task has ended, and its end is recorded: do what the job does about it."""
        if self.tasks.get(task.key) is not task:
            return
        self.account.retention.note(task)
        self.forget_mark(ENDED, task.key)
        if self.resource.uses_task_dependencies and exit_conditions.satisfies_dependents(task):
            for freed in self._dependencies.satisfy(task):
                self.enqueue(freed)
        if not self.is_active:
            return
        action = exit_conditions.job_action(task, self.resource)
        if action is task_models.JobAction.NONE or job_manager.has_ended(self):
            self.life.end_if_done()
        elif action is task_models.JobAction.TERMINATE:
            self.life.terminate("TaskFailed")
        else:
            self.life.disable(models.DisableTasks.REQUEUE)

    # -- what clients ask of it --------------------------------------------------------------

    def begin(self) -> None:
        """Start the life of a new job."""
        self.save()
        manager = self.resource.job_manager_task
        if manager is not None:
            self.add_task(job_manager.as_task(manager))
        self.life.keep_to_limit()

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
        # for a job without tasks it matters only when this property changes
        self.life.end_if_done(even_without_tasks=after is not None and after is not before)

    def resume(self) -> None:
        """Go on where the last service was stopped."""
        if self.resource.uses_task_dependencies:
            for task in self.tasks.values():
                if task.is_completed and exit_conditions.satisfies_dependents(task):
                    self._dependencies.satisfy(task)
        ended, satisfied = [], self.marked(SATISFIED)
        for task in self.tasks.values():
            if task.is_running and (self.state is State.TERMINATING or self.is_marked(ENDED, task.key)):
                task.complete(TaskOutcome.failed(ended_by_user()))
                ended.append(task)
            elif task.is_running:
                self.dispatcher.remove_files(task)
                task.requeue()
            if not task.is_completed:
                self._dependencies.add(task, satisfied)
                self.enqueue(task)
        self.life.resume()
        for task in ended:
            self.note_end(task)
        self.life.end_if_done()

    # -- within -----------------------------------------------------------------------------

    def _with_own_retries(self, add: task_models.TaskAdd) -> task_models.TaskAdd:
        """A task without a number of retries takes that of its job."""
        most = self.resource.constraints.max_task_retry_count if self.resource.constraints else None
        given = add.constraints or task_models.TaskConstraints()
        if most and given.max_task_retry_count is None:
            add.constraints = replace(given, max_task_retry_count=most)
        return add

    def _end_task(self, task: Task) -> None:
        outcome = TaskOutcome.failed(ended_by_user())
        if self.dispatcher.runs(task):
            self.mark(ENDED, task)
            self.dispatcher.stop(task, outcome)
        else:
            self.dispatcher.withdraw(task)
            task.resource.node_info = task_models.NodeInfo()
            task.complete(outcome)
            self.note_end(task)

    def _move(self, pool: models.PoolInfo) -> None:
        """Go to another pool, which only a disabled job may; or change whether an automatic one is kept."""
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
