"""What follows from the end of a run: the task's final state, another attempt, or a requeue."""

from __future__ import annotations

import time

import msgspec

from remotebatch.provider import TaskRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.engine.outcome import StopRequest, TaskOutcome
from remotebatch_local.engine.progress import Progress

MOST_REQUEUES = 3
WORTH_RETRYING = frozenset(
    {
        FailureType.USER_EXCEPTION,
        FailureType.NON_ZERO_EXIT,
        FailureType.OUT_OF_MEMORY,
        FailureType.RESULT_UNAVAILABLE,
        FailureType.SETUP_FAILED,
        FailureType.NODE_LOST,
    }
)
"""Failures after which ``max_retries`` applies."""


class Settlement:
    """Decides how a task goes on after a run. Whether it waits again is in its job."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._retries_used: dict[tuple[str, int], int] = {}

    def settle(self, job: LocalJob, task: TaskRecord, outcome: TaskOutcome) -> None:
        """A task has come to an end; if it failed and may be tried again, it waits again."""
        ended = msgspec.structs.replace(
            task,
            status=JobStatus.SUCCEEDED if outcome.failure_type is None else JobStatus.FAILED,
            exit_code=outcome.exit_code,
            failure_type=outcome.failure_type,
            reason=outcome.reason,
            ended_at=time.time(),
        )
        key = (job.record.id, task.index)
        used = self._retries_used.get(key, 0)
        if outcome.failure_type in WORTH_RETRYING and used < job.record.settings.max_retries:
            self._retries_used[key] = used + 1
            self._attempt_again(job, ended)
        else:
            self._retries_used.pop(key, None)
            self._progress.update(job, ended)

    def stop(self, job: LocalJob, task: TaskRecord, stop: StopRequest) -> None:
        """A task that is not running was to be ended: it has."""
        self.settle(job, task, TaskOutcome(None, stop.failure_type, stop.reason))

    def abort_waiting(self, job: LocalJob, index: int, reason: str) -> None:
        """A task was aborted while it waited."""
        task = job.task(index)
        aborted = TaskRecord(
            index,
            JobStatus.FAILED,
            failure_type=FailureType.ABORTED,
            reason=reason,
            attempts=task.attempts,
            requeues=task.requeues,
            ended_at=time.time(),
            role=task.role,
        )
        self._progress.update(job, aborted)

    def retry(self, job: LocalJob, task: TaskRecord) -> None:
        """Give a failed task another attempt, by request: its retries count from the beginning."""
        self._retries_used.pop((job.record.id, task.index), None)
        self._attempt_again(job, task)

    def requeue(self, job: LocalJob, task: TaskRecord, why: str) -> None:
        """What ran a task went away; that is no attempt of the task's, up to a limit."""
        if task.requeues < MOST_REQUEUES:
            again = TaskRecord(
                task.index, attempts=task.attempts, requeues=task.requeues + 1, reason=why, role=task.role
            )
            self._progress.update(job, again)
            job.wait_again(task.index)
        else:
            reason = f"lost {task.requeues + 1} times while running, the last time because {why}"
            self.settle(job, task, TaskOutcome(None, FailureType.NODE_LOST, reason))

    def _attempt_again(self, job: LocalJob, task: TaskRecord) -> None:
        again = TaskRecord(
            task.index,
            attempts=task.attempts + 1,
            requeues=task.requeues,
            reason=f"attempt {task.attempts} failed: {task.failure_type}: {task.reason}",
            role=task.role,
        )
        self._progress.update(job, again)
        job.wait_again(task.index)
