"""What is known of a submission's tasks, kept fresh by as few and as small requests as possible.

A poll asks each of the submission's Azure jobs that is not done for the tasks that have changed in the last
seconds: one page of a list, most often a short one, however many tasks there are.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from azure.batch import BatchClient

from remotebatch.provider import Changes, Counts, JobRecord, TaskRecord
from remotebatch.status import JobStatus
from remotebatch_azurebatch.batch import ids, metadata, queries
from remotebatch_azurebatch.batch.parts import Part, PlacedPart, latest
from remotebatch_azurebatch.tracking import outcome
from remotebatch_azurebatch.tracking.part_watch import PartWatch

_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.25, 15.0
_SHARE_OF_AGE = 0.05
"""The interval grows with the time that has been watched: it adds a twentieth to that at most."""
_STALLED = 20.0
"""Seconds without a change after which the job is taken to be stalled, and is examined; then again."""
_SUBMITTED = 120.0
"""Seconds after which no process is still making the first jobs of a submission."""
_SOON = 1.0
"""Likewise, where the job is expected to end."""


class SubmissionWatch:
    """Watches the tasks of one submission. Safe to use from any thread."""

    def __init__(
        self,
        client: BatchClient,
        record: JobRecord,
        interval: float | None,
        examine: Callable[[JobRecord, PlacedPart], str | None],
    ) -> None:
        """Nothing is asked yet.

        :param interval: seconds between polls; None for what suits the job's age.
        :param examine: is called with a part that is stalled; returns why, or None if that cannot be seen.
        """
        self.record = record
        self.due = 0.0
        """When to poll next, by the monotonic clock, in seconds."""
        self._client = client
        self._interval = interval
        self._examine = examine
        self._parts: list[PartWatch] | None = None
        self._tasks: dict[int, TaskRecord] = {}
        self._changed_at: dict[int, int] = {}  # index → number of the poll that brought its last change
        self._requeues: dict[int, int] = {}  # index → how often it was requeued, by what was seen of it
        self._left_out: set[int] = set()  # tasks that no part has
        self._settled: set[int] = set()  # … and that are known never to have been added
        self._polls = 0
        self._end_expected = False
        self._watched_since = self._last_change = time.monotonic()
        self._lock = threading.RLock()

    @property
    def is_due(self) -> bool:
        """Whether the next poll is due."""
        return self.due <= time.monotonic()

    def poll_now(self) -> None:
        """Ask for what has changed.

        :raises JobNotFound: if the job has been deleted.
        """
        with self._lock:
            if self._parts is None or self.is_done:
                self.find_parts()
            self._polls += 1
            for part in self._parts or ():
                if not part.is_done:
                    self._poll_part(part)
            self._settle_left_out()
            self.due = time.monotonic() + self._pause()

    def changes(self, cursor: str) -> Changes | None:
        """What has changed since a cursor; None if nothing has."""
        with self._lock:
            seen = int(cursor) if cursor.isdigit() and int(cursor) <= self._polls else 0
            tasks = [self._tasks[index] for index, poll in self._changed_at.items() if poll > seen]
            return Changes(str(self._polls), tasks) if tasks else None

    def poll_soon(self, ending: bool = False) -> None:
        """Make the next poll due, and those after it frequent: something has just been done to the job.

        :param ending: whether it is to end by that, perhaps before all of its tasks were added.
        """
        with self._lock:
            self.due = 0.0
            self._watched_since = self._last_change = time.monotonic()
            self._end_expected = ending

    def add(self, parts: Sequence[PlacedPart]) -> None:
        """Watch parts that this process has just made, the first ones or further ones."""
        with self._lock:
            known = self._parts or []
            for part, pool_id in parts:
                known = self._parts_with(known, PartWatch(part, self.record, pool_id))
            self._set_parts(known)
            self.poll_soon()

    def task(self, index: int) -> TaskRecord:
        """What is known of a task; only the first call polls."""
        with self._lock:
            if self._parts is None:
                self.poll_now()
            return self._tasks.get(index) or TaskRecord(index)

    def parts(self) -> list[PlacedPart]:
        """The submission's parts, in the order of their making."""
        with self._lock:
            if self._parts is None:
                self.find_parts()
            return [watched.placed for watched in self._parts or ()]

    def find_parts(self) -> None:
        """Ask for the submission's parts: another process may have added some.

        :raises JobNotFound: if there are none.
        """
        with self._lock:
            self._polls += 1
            known = {watched.part.number: watched for watched in self._parts or ()}
            found: list[PartWatch] = []
            for job in queries.list_parts(self._client, self.record):
                part = metadata.part_in(job)
                watched = known.get(part.number)
                if watched is None:
                    watched = PartWatch(part, self.record, (job.get("poolInfo") or {}).get("poolId") or "")
                    self._restart_tasks(part)
                watched.ended = job if metadata.state_of(job) == "completed" else None
                found = self._parts_with(found, watched)
            if not found:
                raise ids.no_job(self.record.id)
            self._set_parts(found)

    def counts(self) -> Counts:
        """How many tasks are in each status: one request for each Azure job, however many tasks it has."""
        parts = self.parts()
        if sum(part.count for part, _ in parts) > self.record.task_count:
            return self._known_counts()  # some are in several, as failed ones that were retried are
        running = succeeded = failed = 0
        for watched in list(self._parts or ()):
            counts = queries.task_counts(self._client, self.record, watched.part)
            running += counts.running
            succeeded += counts.succeeded
            # of a job that has ended, what has not begun never will
            failed += counts.failed if watched.ended is None else watched.part.count - counts.succeeded
        return Counts(self.record.task_count - running - succeeded - failed, running, succeeded, failed)

    def _known_counts(self) -> Counts:
        with self._lock:
            self.poll_now()
            found = Counter(task.status for task in self._tasks.values())
        running, succeeded = found[JobStatus.RUNNING], found[JobStatus.SUCCEEDED]
        failed = found[JobStatus.FAILED]
        return Counts(self.record.task_count - running - succeeded - failed, running, succeeded, failed)

    def part_of(self, index: int) -> Part:
        """The part that a task belongs to now."""
        return latest(self.parts(), index).part

    @property
    def is_done(self) -> bool:
        """Whether every task is known to have ended."""
        return self._parts is not None and not self._left_out and all(part.is_done for part in self._parts)

    # -- within -----------------------------------------------------------------------------

    def _pause(self) -> float:
        if self._interval is not None:
            return self._interval
        age = time.monotonic() - self._watched_since
        return min(max(age * _SHARE_OF_AGE, _SHORTEST_INTERVAL), _LONGEST_INTERVAL)

    def _restart_tasks(self, part: Part) -> None:
        """Tasks of a new part begin another attempt: what is known of the one before counts no longer."""
        for index, attempts in part.attempts().items():
            known = self._tasks.get(index)
            if known is not None and known.attempts <= attempts:
                self._take(TaskRecord(index, attempts=attempts + 1))

    def _set_parts(self, parts: list[PartWatch]) -> None:
        self._parts = parts
        of_parts = {index for watched in parts for index in watched.attempts}
        self._left_out = set(range(self.record.task_count)) - of_parts - self._settled

    @staticmethod
    def _parts_with(parts: list[PartWatch], new: PartWatch) -> list[PartWatch]:
        """The parts in order, each without the tasks that a later one has."""
        ordered = sorted([*parts, new], key=lambda watched: watched.part.number)
        for position, watched in enumerate(ordered):
            for later in ordered[position + 1 :]:
                watched.drop_tasks_of(later.part)
        return ordered

    def _poll_part(self, part: PartWatch) -> None:
        with queries.querying(self.record):
            for record in part.changes(self._client):
                self._take(record, part)
        if not part.is_done and part.ended is not None:
            self._settle(part, part.ended)
        if not part.is_done and self._is_stalled(part.examined):
            part.examined = time.monotonic()
            self._examine_part(part)

    def _is_stalled(self, examined: float) -> bool:
        """Whether nothing has changed, since it was last examined too, for so long that a reason is due."""
        longest = _SOON if self._end_expected else _STALLED
        return time.monotonic() - max(self._last_change, examined) > longest

    def _take(self, record: TaskRecord, part: PartWatch | None = None) -> None:
        known = self._tasks.get(record.index)
        requeues = max(record.requeues, self._requeues.get(record.index, 0))
        if requeues != record.requeues:
            record = msgspec.structs.replace(record, requeues=requeues)
        if known != record:
            self._tasks[record.index] = record
            self._changed_at[record.index] = self._polls
            self._last_change = time.monotonic()
        if part is not None:
            part.note(record)

    def _examine_part(self, part: PartWatch) -> None:
        """Find out whether a stalled Azure job still lives, and what it waits for."""
        job = queries.get_part(self._client, self.record, part.part)
        if metadata.state_of(job) == "completed":
            self._settle(part, job)
            return
        self._find_requeued(part)
        reason = self._examine(self.record, part.placed)
        for index in part.open_tasks():
            known = self._tasks.get(index) or TaskRecord(index, attempts=part.attempts[index] + 1)
            if known.status is JobStatus.ACTIVE:
                self._take(outcome.with_outcome(known, JobStatus.ACTIVE, reason=reason), part)

    def _settle(self, part: PartWatch, job: Mapping[str, Any]) -> None:
        """An Azure job has ended: its tasks that have not begun never will, and stay as they are at Azure."""
        with queries.querying(self.record):
            for record in part.all(self._client):
                self._take(record, part)
        for index in part.open_tasks():
            self._take(outcome.never_ran(self.record, index, part.attempts[index], job), part)

    def _find_requeued(self, part: PartWatch) -> None:
        """Find tasks that wait again, as their node was lost: a list of what does not wait lacks them.

        Azure's own count has only those of them that a user has requeued.
        """
        started = {
            index: task.started_at
            for index in part.open_tasks()
            if (task := self._tasks.get(index)) is not None and task.started_at is not None
        }
        if not started:
            return
        with queries.querying(self.record):
            waiting = list(part.requeued(self._client, min(started.values())))
        for record in waiting:
            known = self._tasks.get(record.index)
            if known is not None and known.status is JobStatus.RUNNING:
                self._requeues[record.index] = max(known.requeues + 1, record.requeues)
                self._take(record, part)

    def _settle_left_out(self) -> None:
        """Tasks that are in no part were never added, unless a part is still to come."""
        if not self._left_out or not all(part.is_done for part in self._parts or ()):
            return
        is_old = time.time() - self.record.submitted_at > _SUBMITTED
        have_ended = all(part.ended is not None for part in self._parts or ())
        if (is_old and have_ended) or self._is_stalled(self._last_change):
            self.find_parts()
            first = (self._parts or [])[0]
            job = queries.get_part(self._client, self.record, first.part)
            self._settled |= self._left_out
            for index in self._left_out:
                self._take(outcome.never_ran(self.record, index, 0, job))
            self._left_out = set()
