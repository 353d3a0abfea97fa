"""What is known of a submission's tasks, kept fresh by as few and as small requests as will do.

A look asks each of the submission's Azure jobs that is not done for the tasks that have changed in the
last seconds: one page of a list, most often a short one, however many tasks there are.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
from azure.batch import BatchClient

from remotebatch.provider import Changes, Counts, JobRecord, TaskRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch_azurebatch.accounts.clients import translated
from remotebatch_azurebatch.batch import metadata
from remotebatch_azurebatch.batch.parts import Part
from remotebatch_azurebatch.storage import layout
from remotebatch_azurebatch.tracking import outcome
from remotebatch_azurebatch.tracking.part_watch import PartWatch

_PAGE = 1000
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.25, 15.0
_SHARE_OF_AGE = 0.05
"""The interval grows with the time that has been watched: waiting adds a twentieth to that at most."""
_STALLED = 20.0
"""Seconds without a change after which the reason is looked for, and again after as long."""
_SUBMITTED = 120.0
"""Seconds after which nobody is still about to make the first jobs of a submission."""
_SOON = 1.0
"""Likewise, where the job is expected to end."""


class Watch:
    """One submission. Safe to use from any thread."""

    def __init__(
        self,
        client: BatchClient,
        record: JobRecord,
        interval: float | None,
        diagnose: Callable[[JobRecord, Part, str], str | None],
    ) -> None:
        """Nothing is asked yet.

        :param interval: seconds between looks; None for what suits the job's age.
        :param diagnose: asked, with a part and its pool, why nothing happens.
        """
        self.record = record
        self.due = 0.0
        """When to look next, by the monotonic clock."""
        self._client = client
        self._interval = interval
        self._diagnose = diagnose
        self._parts: list[PartWatch] | None = None
        self._tasks: dict[int, TaskRecord] = {}
        self._changed_at: dict[int, int] = {}  # index → number of the look that brought its last change
        self._put_back: dict[int, int] = {}  # index → how often it was, by what was seen of it
        self._left_out: set[int] = set()  # tasks that no part has
        self._settled: set[int] = set()  # … and that are known never to have been added
        self._looks = 0
        self._end_expected = False
        self._watched_since = self._last_change = time.monotonic()
        self._lock = threading.RLock()

    def look(self) -> None:
        """Ask for what is new.

        :raises JobNotFound: if the job has been deleted.
        """
        with self._lock:
            if self._parts is None or self.is_done:
                self.find_parts()
            self._looks += 1
            for part in self._parts or ():
                if not part.is_done:
                    self._look_at(part)
            self._look_for_the_rest()
            self.due = time.monotonic() + self._pause()

    def changes(self, cursor: str) -> Changes | None:
        """What has changed since a cursor; None if nothing has."""
        with self._lock:
            seen = int(cursor) if cursor.isdigit() and int(cursor) <= self._looks else 0
            tasks = [self._tasks[index] for index, look in self._changed_at.items() if look > seen]
            return Changes(str(self._looks), tasks) if tasks else None

    def hasten(self, ending: bool = False) -> None:
        """Look soon: somebody has just done something to the job.

        :param ending: whether it is to end by that, perhaps before all of its tasks were added.
        """
        with self._lock:
            self.due = 0.0
            self._watched_since = self._last_change = time.monotonic()
            self._end_expected = ending

    def add(self, parts: Sequence[tuple[Part, str]]) -> None:
        """Know of parts that this process has just made, each with its pool; the first ones among them."""
        with self._lock:
            known = self._parts or []
            for part, pool_id in parts:
                known = self._parts_with(known, PartWatch(part, self.record, pool_id))
            self._know(known)
            self.hasten()

    def task(self, index: int) -> TaskRecord:
        """What is known of a task, without a look, save the first."""
        with self._lock:
            if self._parts is None:
                self.look()
            return self._tasks.get(index) or TaskRecord(index)

    def parts(self) -> list[tuple[Part, str]]:
        """The submission's parts, each with its pool."""
        with self._lock:
            if self._parts is None:
                self.find_parts()
            return [(watched.part, watched.pool_id) for watched in self._parts or ()]

    def counts(self) -> Counts:
        """How many tasks are in each status: one request for each Azure job, however many tasks it has."""
        parts = self.parts()
        if sum(part.count for part, _ in parts) > self.record.task_count:
            return self._known_counts()  # some are in several, as failed ones that were retried are
        running = succeeded = failed = 0
        for watched in list(self._parts or ()):
            with querying(self.record):
                counts = self._client.get_job_task_counts(watched.azure_id).task_counts
            running += counts.running
            succeeded += counts.succeeded
            # of a job that has ended, what has not begun never will
            failed += counts.failed if watched.ended is None else watched.part.count - counts.succeeded
        return Counts(self.record.task_count - running - succeeded - failed, running, succeeded, failed)

    def _known_counts(self) -> Counts:
        with self._lock:
            self.look()
            found = Counter(task.status for task in self._tasks.values())
        running, succeeded = found[JobStatus.RUNNING], found[JobStatus.SUCCEEDED]
        failed = found[JobStatus.FAILED]
        return Counts(self.record.task_count - running - succeeded - failed, running, succeeded, failed)

    def part_of(self, index: int) -> Part:
        """The part that has a task now."""
        parts = [part for part, _ in self.parts()]
        return next((part for part in reversed(parts) if part.has(index)), parts[0])

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

    def find_parts(self) -> None:
        """Ask for the submission's parts: some may have been added, by whoever.

        :raises JobNotFound: if there are none.
        """
        with self._lock:
            self._looks += 1
            known = {watched.part.number: watched for watched in self._parts or ()}
            found: list[PartWatch] = []
            for job in list_parts(self._client, self.record):
                part = metadata.part_in(job)
                watched = known.get(part.number)
                if watched is None:
                    watched = PartWatch(part, self.record, (job.get("poolInfo") or {}).get("poolId") or "")
                    self._begin_anew(part)
                watched.ended = job if metadata.state_of(job) == "completed" else None
                found = self._parts_with(found, watched)
            if not found:
                raise layout.no_job(self.record.id)
            self._know(found)

    def _begin_anew(self, part: Part) -> None:
        """What is known of tasks that a part takes over is over."""
        for index, attempts in part.attempts().items():
            known = self._tasks.get(index)
            if known is not None and known.attempts <= attempts:
                self._take(TaskRecord(index, attempts=attempts + 1))

    def _know(self, parts: list[PartWatch]) -> None:
        self._parts = parts
        of_parts = {index for watched in parts for index in watched.attempts}
        self._left_out = set(range(self.record.task_count)) - of_parts - self._settled

    @staticmethod
    def _parts_with(parts: list[PartWatch], new: PartWatch) -> list[PartWatch]:
        """The parts in order; what a later one has is no longer any of the earlier ones' business."""
        ordered = sorted([*parts, new], key=lambda watched: watched.part.number)
        for position, watched in enumerate(ordered):
            for later in ordered[position + 1 :]:
                watched.lose(later.part)
        return ordered

    def _look_at(self, part: PartWatch) -> None:
        with querying(self.record):
            for record in part.changes(self._client):
                self._take(record, part)
        if not part.is_done and part.ended is not None:
            self._settle(part, part.ended)
        if not part.is_done and self._is_patience_over(part.examined):
            part.examined = time.monotonic()
            self._examine(part)

    def _is_patience_over(self, examined: float) -> bool:
        """Whether nothing has changed for so long that it is worth finding out why."""
        patience = _SOON if self._end_expected else _STALLED
        return time.monotonic() - max(self._last_change, examined) > patience

    def _take(self, record: TaskRecord, part: PartWatch | None = None) -> None:
        known = self._tasks.get(record.index)
        requeues = max(record.requeues, self._put_back.get(record.index, 0))
        if requeues != record.requeues:
            record = msgspec.structs.replace(record, requeues=requeues)
        if known != record:
            self._tasks[record.index] = record
            self._changed_at[record.index] = self._looks
            self._last_change = time.monotonic()
        if part is not None:
            part.note(record)

    def _examine(self, part: PartWatch) -> None:
        """Nothing has changed for long: find out whether the Azure job still lives, and what it waits for."""
        job = get_job(self._client, self.record, part.part)
        if metadata.state_of(job) == "completed":
            self._settle(part, job)
            return
        self._take_back(part)
        reason = self._diagnose(self.record, part.part, part.pool_id)
        for index in part.open_tasks():
            known = self._tasks.get(index) or TaskRecord(index, attempts=part.attempts[index] + 1)
            if known.status is JobStatus.ACTIVE:
                self._take(outcome.with_outcome(known, JobStatus.ACTIVE, reason=reason), part)

    def _settle(self, part: PartWatch, job: Mapping[str, Any]) -> None:
        """An Azure job has ended: what of it has not begun never will, and stays as it is at Azure."""
        with querying(self.record):
            for record in part.all(self._client):
                self._take(record, part)
        for index in part.open_tasks():
            self._take(never_ran(self.record, index, part.attempts[index], job), part)

    def _take_back(self, part: PartWatch) -> None:
        """Hear of tasks that wait again, as their node was lost: no list of what does not wait has them.

        Azure counts of them only those that a user has had put back.
        """
        started = {
            index: task.started_at
            for index in part.open_tasks()
            if (task := self._tasks.get(index)) is not None and task.started_at is not None
        }
        if not started:
            return
        with querying(self.record):
            waiting = list(part.put_back(self._client, min(started.values())))
        for record in waiting:
            known = self._tasks.get(record.index)
            if known is not None and known.status is JobStatus.RUNNING:
                self._put_back[record.index] = max(known.requeues + 1, record.requeues)
                self._take(record, part)

    def _look_for_the_rest(self) -> None:
        """Tasks that are in no part were never added, unless a part is still to come."""
        if not self._left_out or not all(part.is_done for part in self._parts or ()):
            return
        is_old = time.time() - self.record.submitted_at > _SUBMITTED
        have_ended = all(part.ended is not None for part in self._parts or ())
        if (is_old and have_ended) or self._is_patience_over(self._last_change):
            self.find_parts()
            first = (self._parts or [])[0]
            job = get_job(self._client, self.record, first.part)
            self._settled |= self._left_out
            for index in self._left_out:
                self._take(never_ran(self.record, index, 0, job))
            self._left_out = set()


def list_parts(client: BatchClient, record: JobRecord) -> list[Mapping[str, Any]]:
    """The Azure jobs of a submission, save those that are being deleted."""
    with querying(record):
        jobs = client.list_jobs(
            filter=f"startswith(id,'{record.provider_job_id}')", select=metadata.SELECTED, max_results=_PAGE
        )
        return [job for job in jobs if metadata.state_of(job) != "deleting"]


def part_ids(client: BatchClient, azure_id: str) -> list[str]:
    """Ids of the Azure jobs of a submission, given that of the first, whatever is stored in them."""
    with translated(f"job {azure_id!r} cannot be queried"):
        found = client.list_jobs(filter=f"startswith(id,'{azure_id}')", select=["id"], max_results=_PAGE)
        return [job["id"] for job in found]


def get_job(client: BatchClient, record: JobRecord, part: Part) -> Mapping[str, Any]:
    """One Azure job of a submission.

    :raises JobNotFound: if it is gone.
    """
    with querying(record):
        return client.get_job(part.azure_id(record.id), select=metadata.SELECTED)


def querying(record: JobRecord) -> AbstractContextManager[None]:
    """For requests that ask about a job.

    :raises JobNotFound: if it is gone.
    """
    return translated(f"job {record.id} cannot be queried", layout.no_job(record.id))


def never_ran(record: JobRecord, index: int, earlier_attempts: int, job: Mapping[str, Any]) -> TaskRecord:
    """What is told of a task that its Azure job has ended without."""
    failure, reason = why_ended(record, job)
    if failure is None:
        failure, reason = (
            FailureType.ABORTED,
            "its submission was cut short before it was added: retry() adds it",
        )
    known = TaskRecord(index, attempts=earlier_attempts + 1)
    return outcome.with_outcome(known, failure_type=failure, reason=reason)


def terminate_reason(job: Mapping[str, Any]) -> str:
    """Azure's own word for why a job has ended; empty if it goes on."""
    return str((job.get("executionInfo") or {}).get("terminateReason") or "")


def why_ended(record: JobRecord, job: Mapping[str, Any]) -> tuple[FailureType | None, str | None]:
    """Why an Azure job was ended from outside; None if it ended by itself."""
    reason = terminate_reason(job)
    if reason.lower() in ("", "alltaskscomplete"):
        return None, None
    if reason.lower() == "maxwallclocktimeexpiry":
        return FailureType.ACCESS_EXPIRED, outcome.expired(record)
    kind, colon, rest = reason.partition(": ")
    if colon and kind in {failure.value for failure in FailureType}:
        return FailureType(kind), rest
    if reason.startswith("aborted by remotebatch"):
        return FailureType.ABORTED, reason
    return FailureType.ABORTED, f"the job was ended at Azure, not by remotebatch: {reason}"
