"""One job schedule: it makes jobs as its specification says, when its times say."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Protocol

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as job_models
from azurebatch_emulator.protocol.models import schedules as models
from azurebatch_emulator.protocol.models.base import fields
from azurebatch_emulator.protocol.models.common import moment, normal_time, now
from azurebatch_emulator.state import job_pool
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.job import Job
from azurebatch_emulator.state.recurrence import Recurrence
from azurebatch_emulator.state.touch import touch

State = models.JobScheduleState
_REFUSALS = {
    State.COMPLETED: "JobScheduleCompleted",
    State.TERMINATING: "JobScheduleBeingTerminated",
    State.DELETING: "JobScheduleBeingDeleted",
}
_LONGEST_SLEEP = 3600.0
_log = logging.getLogger(__name__)


class ScheduleAccount(job_pool.Pools, Protocol):
    """The account, as a job schedule sees it."""

    context: Context

    @property
    def jobs(self) -> Mapping[str, Job]:
        """All jobs, by their keys."""

    def url(self, path: str) -> str:
        """Address of a resource."""

    def next_job_number(self, schedule_key: str) -> int:
        """Number of a schedule's next job."""

    def create_job_of_schedule(self, schedule: JobSchedule, job_id: str) -> Job:
        """Make the next job of a schedule."""

    def forget_schedule(self, schedule: JobSchedule) -> None:
        """A job schedule is gone."""


class JobSchedule:
    """A job schedule of the account; at most one of its jobs is in progress."""

    def __init__(self, account: ScheduleAccount, resource: models.JobSchedule) -> None:
        self.account = account
        self.resource = resource
        self._served: datetime | None = None  # when it made its last job
        self._running: asyncio.Task[None] | None = None

    @property
    def key(self) -> str:
        """Its id as it is compared: case does not matter."""
        return self.resource.id.lower()

    @property
    def state(self) -> State:
        """Active, disabled, terminating, and so on."""
        return self.resource.state

    def jobs(self) -> list[Job]:
        """Jobs that it has made and that are still there."""
        beginning = f"{self.key}:job-"
        return [job for key, job in self.account.jobs.items() if key.startswith(beginning)]

    def specified_job(self, job_id: str) -> job_models.Job:
        """The job that its specification describes."""
        add = job_models.JobAdd(**fields(self.resource.job_specification), id=job_id)
        return job_models.new_job(add, self.account.url(f"jobs/{job_id}"))

    def begin(self) -> None:
        """Start the life of a new schedule."""
        self._run()

    def resume(self) -> None:
        """Go on where the last service was stopped."""
        recent = self.resource.execution_info.recent_job
        if recent is not None:
            job = self.account.jobs.get((recent.id or "").lower())
            self._served = datetime.now(timezone.utc) if job is None else moment(job.resource.creation_time)
        if self.state is State.ACTIVE:
            self._run()
        elif self.state is State.TERMINATING:
            self.account.context.background.spawn(self._finish_terminating())
        elif self.state is State.DELETING:
            self.account.context.background.spawn(self._finish_deleting())

    # -- what clients ask of it --------------------------------------------------------------

    def change(self, **changes: object) -> None:
        """Set properties that a client has given; jobs that are there stay as they are."""
        self._require_open()
        for name, value in changes.items():
            setattr(self.resource, name, value)
        touch(self.resource)
        if self.state is State.ACTIVE:
            self._run()
        self.save()

    def disable(self) -> None:
        """Make no more jobs.

        :raises BatchServiceError: if it makes none now.
        """
        self._require_open()
        if self.state is State.DISABLED:
            raise BatchServiceError("JobScheduleDisabled")
        touch(self.resource)
        self._stop()
        self._turn(State.DISABLED)

    def enable(self) -> None:
        """Make jobs again.

        :raises BatchServiceError: if it is not disabled.
        """
        self._require_open()
        if self.state is not State.DISABLED:
            raise BatchServiceError("OperationInvalidForCurrentState")
        touch(self.resource)
        self._turn(State.ACTIVE)
        self._run()

    def terminate(self, *, force: bool = False) -> None:
        """End it, with the job in progress.

        :param force: without the simulated delay of the job.
        """
        self._require_open()
        touch(self.resource)
        self._stop()
        self.resource.execution_info.next_run_time = None
        self._turn(State.TERMINATING)
        for job in self._jobs_in_progress():
            if job.state not in (job_models.JobState.TERMINATING, job_models.JobState.DELETING):
                job.life.terminate("TerminateJobSchedule", force=force)
        self.account.context.background.spawn(self._finish_terminating())

    def delete(self, *, force: bool = False) -> None:
        """End it and forget it, with its jobs.

        :param force: without the simulated delay of the jobs.
        """
        if self.state is State.DELETING:
            raise BatchServiceError("JobScheduleBeingDeleted")
        self._stop()
        self._turn(State.DELETING)
        self.account.context.background.spawn(self._finish_deleting(force))

    def save(self) -> None:
        """Record it."""
        self.account.context.ledger.save("schedule", self.key, self.resource)

    # -- within -----------------------------------------------------------------------------

    def _require_open(self) -> None:
        if self.state in _REFUSALS:
            raise BatchServiceError(_REFUSALS[self.state])

    def _jobs_in_progress(self) -> list[Job]:
        return [job for job in self.jobs() if not job.life.over.is_set()]

    def _run(self) -> None:
        """Make jobs by the schedule as it is now."""
        self._stop()
        self._show_next_run(self._due())
        self._running = self.account.context.background.spawn(self._make_jobs())

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def _due(self) -> datetime | None:
        recurrence = Recurrence.of(self.resource.schedule, self.resource.creation_time)
        return recurrence.due(datetime.now(timezone.utc), self._served)

    async def _make_jobs(self) -> None:
        """Make each job in its time, until there are no more to come."""
        while (due := self._due()) is not None:
            self._show_next_run(due)
            await _until(due)
            if in_progress := self._jobs_in_progress():
                await in_progress[0].life.over.wait()  # one at a time; its end may come too late for this one
            else:
                self._make_job()
        self._show_next_run(None)
        schedule = self.resource.schedule
        if schedule.recurrence_interval is not None and schedule.do_not_run_after is not None:
            await _until(moment(schedule.do_not_run_after))
        await self._all_over()
        self._complete()

    def _make_job(self) -> None:
        self._served = datetime.now(timezone.utc)
        number = self.account.next_job_number(self.key)
        try:
            job = self.account.create_job_of_schedule(self, f"{self.resource.id}:job-{number}")
        except BatchServiceError as error:
            _log.warning("schedule %s could not make a job: %s", self.resource.id, error)
            return
        info = self.resource.execution_info
        info.recent_job = models.RecentJob(id=job.resource.id, url=job.resource.url)

    def _show_next_run(self, due: datetime | None) -> None:
        self.resource.execution_info.next_run_time = None if due is None else normal_time(due.isoformat())
        self.save()

    async def _all_over(self) -> None:
        await asyncio.gather(*(job.life.over.wait() for job in self.jobs()))

    async def _finish_terminating(self) -> None:
        await self._all_over()
        if self.state is State.TERMINATING:
            self._complete()

    def _complete(self) -> None:
        self._turn(State.COMPLETED)
        self.resource.execution_info.end_time = self.resource.state_transition_time
        self.save()
        self._drop_pool()

    async def _finish_deleting(self, force: bool = False) -> None:
        jobs = self.jobs()
        for job in jobs:
            if job.state is not job_models.JobState.DELETING:
                job.life.delete(force=force)
        await asyncio.gather(*(job.life.gone.wait() for job in jobs))
        self.account.forget_schedule(self)
        self._drop_pool()

    def _drop_pool(self) -> None:
        pool_info = self.resource.job_specification.pool_info
        job_pool.drop(self.account, pool_info, self.resource, job_pool.Lifetime.JOB_SCHEDULE)

    def _turn(self, state: State) -> None:
        resource, before = self.resource, self.state
        if before is not State.TERMINATING:
            resource.previous_state = before
            resource.previous_state_transition_time = resource.state_transition_time
        resource.state = state
        resource.state_transition_time = now()
        self.save()


async def _until(due: datetime) -> None:
    # not in one go, for the clock may be set meanwhile
    while (left := due.timestamp() - time.time()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left, _LONGEST_SLEEP))
