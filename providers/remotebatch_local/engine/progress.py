"""Where tasks stand: noted in the job, written to the journal, and reported to those that wait for it."""

from __future__ import annotations

import asyncio

from remotebatch.provider import TaskRecord
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.engine.journal import Journal
from remotebatch_local.engine.watchers import Watchers

_FLUSH_DELAY, _FLUSH_RETRY = 0.05, 1.0


class Progress:
    """Takes every change of a task. The journal is written a few times a second."""

    def __init__(self, journal: Journal, watchers: Watchers) -> None:
        self._journal = journal
        self._watchers = watchers
        self._changed: set[LocalJob] = set()  # since the journal was last written
        self._flushing = False

    def update(self, job: LocalJob, task: TaskRecord) -> None:
        """A task has a new state."""
        job.update(task)
        self._journal.note_task(job.record.id, task)
        self._changed.add(job)
        if task.status.final and job.record.function is None:
            self.flush()  # a command leaves no result object by which a later agent finds its end
        self._watchers.notify(job.record.id, urgent=job.finished)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(_FLUSH_DELAY, self._flush_later)

    def forget(self, job: LocalJob) -> None:
        """Remove a job from the journal.

        :raises ProviderError: if the journal cannot be written.
        """
        self._changed.discard(job)
        self._journal.forget(job.record.id)

    def flush(self) -> bool:
        """Write the journal now; return whether it could be written."""
        for job in self._changed:
            self._journal.note_job(job.record.id, job.counts, job.finished)
        self._changed.clear()
        return self._journal.flush()

    def _flush_later(self) -> None:
        self._flushing = not self.flush()
        if self._flushing:
            asyncio.get_running_loop().call_later(_FLUSH_RETRY, self._flush_later)
