"""What a job goes through beside its tasks: disabled, enabled, terminated, deleted."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.failures import ended_by_user
from azurebatch_emulator.protocol.models.common import FOREVER, moment, now, seconds
from azurebatch_emulator.protocol.models.jobs import DisableTasks, OnAllTasksComplete
from azurebatch_emulator.protocol.models.jobs import JobState as State
from azurebatch_emulator.state import job_manager, job_pool
from azurebatch_emulator.state.job_record import JobRecord
from azurebatch_emulator.state.outcome import TaskOutcome
from azurebatch_emulator.state.touch import touch

_PASSING = {State.DISABLING, State.ENABLING, State.TERMINATING}
"""What the service passes through by itself is never shown as the previous state."""
_ENDING = {State.TERMINATING, State.COMPLETED, State.DELETING}


class JobLife:
    """The states of one job, and its wall-clock limit."""

    def __init__(self, job: JobRecord) -> None:
        self._job = job
        self.over, self.gone = asyncio.Event(), asyncio.Event()
        """Set once the job is completed, and once it is forgotten (which sets both)."""
        self._limit: asyncio.TimerHandle | None = None

    # -- what clients ask of it --------------------------------------------------------------

    def disable(self, tasks: DisableTasks) -> None:
        """Start no more tasks, and do with those that run as asked; also those of an earlier such request."""
        self._job.require_open()
        touch(self._job.resource)
        if self._job.is_active:
            self._turn(State.DISABLING)
        self._job.context.background.spawn(self._finish_disabling(tasks))
        self._job.save()

    def enable(self) -> None:
        """Let tasks start again.

        :raises BatchServiceError: if the job is not disabled.
        """
        self._job.require_open()
        if self._job.is_active:
            raise BatchServiceError("OperationInvalidForCurrentState")
        touch(self._job.resource)
        self._turn(State.ACTIVE)
        for task in self._job.tasks.values():
            self._job.enqueue(task)
        self.end_if_done()

    def terminate(self, reason: str, *, force: bool = False) -> None:
        """End the job: what runs is ended, what waits stays as it is.

        :param reason: what its ``terminateReason`` will say.
        :param force: without the simulated delay.
        """
        job = self._job
        job.require_open()
        touch(job.resource)
        job.resource.execution_info = replace(job.execution, terminate_reason=reason)
        self._turn(State.TERMINATING)
        job.context.background.spawn(self._finish_terminating(force))

    def delete(self, *, force: bool = False) -> None:
        """End the job and forget it, with its tasks and their files.

        :param force: without the simulated delay, and without time for its tasks to end.
        """
        if self._job.state is State.DELETING:
            raise BatchServiceError("JobBeingDeleted")
        self._turn(State.DELETING)
        self._job.context.background.spawn(self._finish_deleting(force))

    # -- events ------------------------------------------------------------------------------

    def end_if_done(self, even_without_tasks: bool = False) -> None:
        """Terminate the job where it is to end by itself, with its manager or with all tasks."""
        if not self._job.is_active:
            return
        if job_manager.has_ended(self._job):
            self.terminate("JMComplete")
        elif (
            self._job.resource.on_all_tasks_complete is OnAllTasksComplete.TERMINATE_JOB
            and self._job.counts.unfinished == 0
            and (self._job.tasks or even_without_tasks)
        ):
            self.terminate("AllTasksComplete")

    def keep_to_limit(self) -> None:
        """Have the job terminated when its time is up."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        constraints = self._job.resource.constraints
        limit = (constraints.max_wall_clock_time if constraints else None) or FOREVER
        if limit == FOREVER or self._job.state in _ENDING:
            return
        passed = time.time() - moment(self._job.execution.start_time).timestamp()
        left = max(seconds(limit) - passed, 0.0)
        self._limit = asyncio.get_running_loop().call_later(left, self._time_is_up)

    def resume(self) -> None:
        """Go on where the last service was stopped; none of the tasks runs any more."""
        state, spawn = self._job.state, self._job.context.background.spawn
        if state is State.DISABLING:
            spawn(self._finish_disabling(DisableTasks.WAIT))
        elif state is State.TERMINATING:
            spawn(self._finish_terminating())
        elif state is State.DELETING:
            spawn(self._finish_deleting())
        elif state is State.COMPLETED:
            self.over.set()
        self.keep_to_limit()

    # -- within -----------------------------------------------------------------------------

    def _time_is_up(self) -> None:
        if self._job.state not in _ENDING:
            self.terminate("MaxWallClockTimeExpiry")

    async def _finish_disabling(self, tasks: DisableTasks) -> None:
        if tasks is DisableTasks.REQUEUE:
            self._stop_tasks(None)
        elif tasks is DisableTasks.TERMINATE:
            self._stop_tasks(TaskOutcome.failed(ended_by_user()))
        await self._job.calm.wait()
        if self._job.state is State.DISABLING:
            self._turn(State.DISABLED)

    async def _finish_terminating(self, force: bool = False) -> None:
        job = self._job
        await self._stop_all(TaskOutcome.failed(ended_by_user()))
        if not force:
            await asyncio.sleep(job.context.configuration.timings.job_terminate)
        if job.state is State.TERMINATING:
            self._turn(State.COMPLETED)
            ended_at = job.resource.state_transition_time
            job.resource.execution_info = replace(job.execution, end_time=ended_at)
            job.save()
            self._end()

    async def _finish_deleting(self, force: bool = False) -> None:
        job = self._job
        # the outcome of the tasks will not be seen
        await self._stop_all(None if force else TaskOutcome.failed(ended_by_user()))
        if not force:
            await asyncio.sleep(job.context.configuration.timings.job_delete)
        job.context.execution.forget_job(job)
        job.account.forget_job(job)
        self._end()
        self.gone.set()

    async def _stop_all(self, outcome: TaskOutcome | None) -> None:
        """End what runs, and run the release task where the job has been."""
        if self._limit is not None:
            self._limit.cancel()
        self._stop_tasks(outcome)
        await self._job.calm.wait()
        for task in self._job.tasks.values():
            self._job.dispatcher.withdraw(task)
        await self._job.visits.release()

    def _stop_tasks(self, outcome: TaskOutcome | None) -> None:
        """End the tasks that run; without an outcome they are killed, and wait again."""
        for task in [task for task in self._job.tasks.values() if task.is_running]:
            self._job.dispatcher.stop(task, outcome)

    def _end(self) -> None:
        self.over.set()
        job = self._job
        job_pool.drop(job.account, job.resource.pool_info, job.resource, job_pool.Lifetime.JOB)

    def _turn(self, state: State) -> None:
        resource, before = self._job.resource, self._job.state
        if before not in _PASSING:
            resource.previous_state = before
            resource.previous_state_transition_time = resource.state_transition_time
        resource.state = state
        resource.state_transition_time = now()
        self._job.save()
        self._job.dispatcher.review(self._job)
