"""Jobs on this machine: submitted, shown, aborted, retried, deleted, and taken over from an earlier agent.

Everything here happens in one event loop; nothing blocks for long.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from functools import partial

from remotebatch.errors import JobNotFound, ProviderError
from remotebatch.provider import Changes, Counts, JobListing, JobRecord, UnreadableRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch_execution.runners import Runner
from remotebatch_execution.scheduler import Demand
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.engine.journal import Journal, JournalEntry
from remotebatch_local.engine.outcome import StopRequest
from remotebatch_local.engine.progress import Progress
from remotebatch_local.engine.recovery import recover_job
from remotebatch_local.engine.runs import Runs
from remotebatch_local.engine.settlement import Settlement
from remotebatch_local.engine.slots import Slots
from remotebatch_local.engine.watchers import Watchers
from remotebatch_local.store import Store


class Engine:
    """Runs jobs on this machine."""

    def __init__(
        self, store: Store, journal: Journal, capacity: Demand, processes: Runner, containers: Runner
    ) -> None:
        self._store = store
        self._journal = journal
        self._slots = Slots(capacity)
        self._epoch = uuid.uuid4().hex[:12]
        self._jobs: dict[str, LocalJob] = {}  # in the order of submission
        self.watchers = Watchers()
        self._progress = Progress(journal, self.watchers)
        self._settlement = Settlement(self._progress)
        self._runs = Runs(
            self._jobs, store, self._slots, processes, containers, self._progress, self._settlement
        )

    # -- questions --------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a task runs or waits."""
        return self._runs.busy or not all(job.finished for job in self._jobs.values())

    @property
    def capacity(self) -> Demand:
        """Slots and GPUs of the pool."""
        return self._slots.capacity

    @property
    def free(self) -> Demand:
        """Slots and GPUs that nothing occupies."""
        return self._slots.free

    @property
    def unreadable(self) -> list[str]:
        """Why the records of some jobs cannot be read, a sentence for each such job."""
        return list(self._journal.unreadable.values())

    def jobs(self) -> list[JobListing]:
        """All jobs whose records can be read, newest first."""
        return [JobListing(job.record, job.finished, job.counts) for job in reversed(self._jobs.values())]

    def job(self, job_id: str) -> LocalJob:
        """One job.

        :raises UnreadableRecord: if its record cannot be read.
        :raises JobNotFound: if there is none of that id.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            if job_id in self._journal.unreadable:
                raise UnreadableRecord(self._journal.unreadable[job_id]) from None
            raise JobNotFound(f"no job {job_id!r} at the Local provider under {self._store.root}") from None

    def counts(self, job_id: str) -> Counts:
        """How many of a job's tasks are in each status."""
        return self.job(job_id).counts

    def changes(self, cursors: Mapping[str, str]) -> dict[str, Changes]:
        """Changes of the jobs that have any since the cursors."""
        found = {job_id: self.job(job_id).changes(cursor) for job_id, cursor in cursors.items()}
        return {job_id: changes for job_id, changes in found.items() if changes is not None}

    # -- orders -----------------------------------------------------------------------------

    def submit(self, record: JobRecord) -> None:
        """Take on a job whose files are stored; repeating it is harmless.

        :raises ProviderError: if it can never run, or cannot be recorded.
        """
        if record.id in self._jobs:
            return
        job = LocalJob(record, self._journal.next_position, self._epoch)
        self._slots.require_room(job.demand)
        self._journal.add_job(record, job.position, job.counts)
        self._jobs[record.id] = job
        self._runs.queue(job)

    def abort(self, job_id: str, indices: Iterable[int] | None, reason: str) -> None:
        """End tasks, all if None; those that have ended stay as they are."""
        job = self.job(job_id)
        wanted = None if indices is None else set(indices)
        for index in job.stop_waiting(wanted):
            self._settlement.abort_waiting(job, index, reason)
        self._runs.stop(job, wanted, StopRequest(FailureType.ABORTED, reason))
        self._runs.queue(job)
        self._progress.flush()

    def retry(self, job_id: str, indices: Iterable[int] | None) -> None:
        """Give failed tasks another attempt."""
        job = self.job(job_id)
        self._slots.require_room(job.demand)
        for index in range(job.record.task_count) if indices is None else indices:
            task = job.task(index)
            if task.status is JobStatus.FAILED:
                self._settlement.retry(job, task)
        self._runs.queue(job)
        self._progress.flush()

    async def delete(self, job_id: str) -> None:
        """End a job and remove all that is stored of it."""
        job = self.job(job_id)
        self.abort(job_id, None, "the job was deleted")
        while self._runs.any_of(job):
            with self.watchers.watching([job_id]) as changed:
                await changed.wait()
        if self._jobs.get(job_id) is not job:
            return  # deleted by another client in the meantime
        self._progress.forget(job)
        del self._jobs[job_id]
        self._runs.remove_files(self._store.container(job.record), self._store.kept_directories(job.record))
        self.watchers.notify(job_id, urgent=True)

    def resize(self, slots: int | None, gpus: int | None) -> None:
        """Change the pool's size, if nothing runs or waits.

        :raises ProviderError: if something does and the size is another.
        """
        now = self.capacity
        wanted = Demand(slots or now.slots, now.gpus if gpus is None else gpus)
        if wanted == now:
            return
        if self.busy:
            raise ProviderError(
                f"the pool under {self._store.root} has {now.slots} slots and {now.gpus} GPUs and jobs in "
                f"progress; leave out slots= and gpus= to share it as it is, or give a root= of your own"
            )
        self._slots.resize(wanted)

    # -- life -------------------------------------------------------------------------------

    def recover(self, entries: Iterable[JournalEntry]) -> None:
        """Take over from an agent that ended: keep what was finished, requeue what was running.

        :param entries: the journal's jobs.
        """
        for entry in entries:
            job = LocalJob(entry.record, entry.position, self._epoch, entry.counts)
            if entry.finished:
                job.load_later(partial(self._journal.tasks, entry.record))
                self._jobs[entry.record.id] = job
                continue
            try:
                tasks = self._journal.tasks(entry.record)
            except UnreadableRecord:
                continue  # the journal has noted it
            self._jobs[entry.record.id] = job
            recover_job(job, tasks, self._store, self._settlement)
            self._runs.queue(job)

    async def close(self) -> None:
        """End everything that runs, and requeue it for the next agent."""
        await self._runs.close()
        self._progress.flush()
        self._journal.close()
        self._runs.close_scratch()
