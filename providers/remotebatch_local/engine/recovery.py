"""Taking over an unfinished job from an agent that ended."""

from __future__ import annotations

import os
from collections.abc import Iterable

from remotebatch.provider import JobRecord, TaskRecord
from remotebatch.provider.task_ids import numbered_index
from remotebatch.status import JobStatus
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.engine.outcome import StopRequest, stored_outcome
from remotebatch_local.engine.settlement import Settlement
from remotebatch_local.store import Store


def recover_job(job: LocalJob, tasks: Iterable[TaskRecord], store: Store, settlement: Settlement) -> None:
    """Keep what has ended, and have all else wait again.

    The journal may lag behind: a task has ended too if it has stored the result of its last attempt.

    :param tasks: the tasks as the journal knows them.
    """
    record = job.record
    job.restore(tasks)
    stored = _stored_results(store, record)
    for index in job.stop_waiting(stored.union(job.unsettled())):
        task = job.task(index)
        outcome = stored_outcome(store.result(record, index), task.attempts) if index in stored else None
        if task.failure_type is not None:  # it was being ended
            settlement.stop(job, task, StopRequest(task.failure_type, task.reason or ""))
        elif outcome is not None:
            settlement.settle(job, task, outcome)
        elif task.status is JobStatus.RUNNING:
            settlement.requeue(job, task, "the local agent went away")
        else:
            job.wait_again(index)


def _stored_results(store: Store, record: JobRecord) -> set[int]:
    """Indices of the tasks that have stored a result."""
    try:
        names = os.listdir(store.results(record))
    except FileNotFoundError:  # the user has removed the job's files: each task will fail for itself
        return set()
    return {numbered_index(record, name) for name in names if name.isdigit()}
