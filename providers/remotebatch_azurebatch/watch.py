"""What is known of a submission's tasks, kept fresh by as few and as small requests as will do.

A look asks each of the submission's Azure jobs that is not done for the tasks that have changed since
the look before: one page of a list, most often an empty one, however many tasks there are.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from azure.batch import BatchClient

from remotebatch.records import Changes, Counts, JobRecord, TaskRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch_azurebatch import layout, metadata, outcome
from remotebatch_azurebatch.parts import Part
from remotebatch_azurebatch.service import translated

_PAGE = 1000
_OVERLAP = 10.0
"""Seconds before the last change seen from which is asked again: changes may come out of order."""
_SHORTEST_INTERVAL, _LONGEST_INTERVAL = 0.25, 15.0
_SHARE_OF_AGE = 0.05
"""The interval grows with the time that has been watched: waiting adds a twentieth to that at most."""
_STALLED = 20.0
"""Seconds without a change after which the reason is looked for, and again after as long."""
_SOON = 1.0
"""Likewise, where the job is expected to end."""


class Watch:
    """One submission. Safe to use from any thread."""

    def __init__(
        self,
        client: BatchClient,
        record: JobRecord,
        interval: float | None,
        diagnose: Callable[[JobRecord, str, str], str | None],
    ) -> None:
        """Nothing is asked yet.

        :param interval: seconds between looks; None for what suits the job's age.
        :param diagnose: asked, with Azure job and pool, why nothing happens.
        """
        self.record = record
        self.due = 0.0
        """When to look next, by the monotonic clock."""
        self._client = client
        self._interval = interval
        self._diagnose = diagnose
        self._parts: list[_WatchedPart] | None = None
        self._tasks: dict[int, TaskRecord] = {}
        self._changed_at: dict[int, int] = {}  # index → number of the look that brought its last change
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
                self._find_parts()
            self._looks += 1
            before = len(self._changed_at), max(self._changed_at.values(), default=0)
            for part in self._parts or ():
                if not part.is_done:
                    self._look_at(part)
            now = time.monotonic()
            if (len(self._changed_at), max(self._changed_at.values(), default=0)) != before:
                self._last_change = now
            self.due = now + self._pause(now)

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
                known = self._parts_with(known, _WatchedPart(part, self.record, pool_id))
            self._parts = known
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
                self._find_parts()
            return [(watched.part, watched.pool_id) for watched in self._parts or ()]

    def counts(self) -> Counts:
        """How many tasks are in each status: one request for each Azure job, however many tasks it has."""
        parts = self.parts()
        if sum(part.count for part, _ in parts) > self.record.task_count:
            return self._known_counts()  # some are in several, as failed ones that were retried are
        running = succeeded = failed = 0
        for part, _ in parts:
            with querying(self.record):
                counts = self._client.get_job_task_counts(part.azure_id(self.record.id)).task_counts
            running += counts.running
            succeeded += counts.succeeded
            failed += counts.failed
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
        return self._parts is not None and all(part.is_done for part in self._parts)

    # -- within -----------------------------------------------------------------------------

    def _pause(self, now: float) -> float:
        if any(part.has_more for part in self._parts or ()):
            return 0.0
        if self._interval is not None:
            return self._interval
        age = now - self._watched_since
        return min(max(age * _SHARE_OF_AGE, _SHORTEST_INTERVAL), _LONGEST_INTERVAL)

    def _find_parts(self) -> None:
        known = {watched.part.number: watched for watched in self._parts or ()}
        found: list[_WatchedPart] = []
        for job in list_parts(self._client, self.record):
            part = metadata.part_in(job)
            fresh = _WatchedPart(part, self.record, (job.get("poolInfo") or {}).get("poolId") or "")
            found = self._parts_with(found, known.get(part.number) or fresh)
        if not found:
            raise layout.no_job(self.record.id)
        self._parts = found

    @staticmethod
    def _parts_with(parts: list[_WatchedPart], new: _WatchedPart) -> list[_WatchedPart]:
        """The parts in order; what a later one has is no longer any of the earlier ones' business."""
        ordered = sorted([*parts, new], key=lambda watched: watched.part.number)
        for position, watched in enumerate(ordered):
            for later in ordered[position + 1 :]:
                watched.lose(later.part)
        return ordered

    def _look_at(self, part: _WatchedPart) -> None:
        self._read_page(part)
        now = time.monotonic()
        if part.is_done or part.has_more:
            return
        patience = _STALLED if not self._end_expected else _SOON
        if now - max(self._last_change, part.examined) > patience:
            part.examined = now
            self._examine(part)

    def _read_page(self, part: _WatchedPart) -> None:
        with querying(self.record):
            found = list(part.next_page(self._client))
        for record in found:
            self._take(record)

    def _take(self, record: TaskRecord) -> None:
        if self._tasks.get(record.index) != record:
            self._tasks[record.index] = record
            self._changed_at[record.index] = self._looks

    def _examine(self, part: _WatchedPart) -> None:
        """Nothing has changed for long: find out whether the Azure job still lives, and what it waits for."""
        job = get_job(self._client, self.record, part.part)
        if str(job["state"]).lower() == "completed":
            self._read_page(part)  # what changed between the last page and its end
            while part.has_more:
                self._read_page(part)
            for index in part.open_tasks():
                self._take(never_ran(self.record, index, part.attempts[index], job))
                part.finished.add(index)
            return
        reason = self._diagnose(self.record, part.azure_id, part.pool_id)
        for index in part.open_tasks():
            known = self._tasks.get(index) or TaskRecord(index, attempts=part.attempts[index] + 1)
            if known.status is JobStatus.ACTIVE:
                self._take(outcome.with_outcome(known, JobStatus.ACTIVE, reason=reason))


class _WatchedPart:
    """One Azure job, and how far its tasks have been heard of."""

    def __init__(self, part: Part, record: JobRecord, pool_id: str) -> None:
        self.part = part
        self.azure_id = part.azure_id(record.id)
        self.pool_id = pool_id
        self.attempts = part.attempts()
        self.finished: set[int] = set()
        self.examined = time.monotonic()
        self._record = record
        self._since: str | None = None  # time of the last change in a list that was read to its end
        self._newest = ""
        self._next: str | None = None  # the rest of a list under way
        self._recent: dict[str, str] = {}  # task id → time of its last change, as far as it may be told again

    @property
    def is_done(self) -> bool:
        return len(self.finished) >= len(self.attempts)

    @property
    def has_more(self) -> bool:
        """Whether the list goes on, so that the next look must not wait."""
        return self._next is not None

    def open_tasks(self) -> list[int]:
        return [index for index in self.attempts if index not in self.finished]

    def lose(self, later: Part) -> None:
        for span in later.spans:
            for index in range(span.start, span.stop):
                self.attempts.pop(index, None)
                self.finished.discard(index)

    def next_page(self, client: BatchClient) -> Iterator[TaskRecord]:
        """Read one page of what has changed."""
        wanted = "state ne 'active'"
        if self._since is not None:
            wanted += f" and stateTransitionTime ge datetime'{self._since}'"
        pages = client.list_tasks(
            self.azure_id,
            select=["id", "state", "stateTransitionTime", "executionInfo"],
            filter=wanted,
            max_results=_PAGE,
        ).by_page(continuation_token=self._next)
        page = next(pages, iter(()))
        for task in page:
            yield from self._read(task)
        self._next = pages.continuation_token  # type: ignore[attr-defined]
        if self._next is None and self._newest:
            self._since = _earlier(self._newest, _OVERLAP)
            self._recent = {key: at for key, at in self._recent.items() if at >= self._since}

    def _read(self, task: Mapping[str, Any]) -> Iterator[TaskRecord]:
        changed = task["stateTransitionTime"]
        self._newest = max(self._newest, changed)
        index = self._record.index_of(task["id"])
        if self._recent.get(task["id"]) == changed or index not in self.attempts:
            return
        self._recent[task["id"]] = changed
        record = outcome.task_record(self._record, index, self.attempts[index], task)
        if record.status.final:
            self.finished.add(index)
        yield record


def list_parts(client: BatchClient, record: JobRecord) -> list[Mapping[str, Any]]:
    """The Azure jobs of a submission, save those that are being deleted."""
    with querying(record):
        jobs = client.list_jobs(
            filter=f"startswith(id,'{record.provider_job_id}')", select=metadata.SELECTED, max_results=_PAGE
        )
        return [job for job in jobs if str(job["state"]).lower() != "deleting"]


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


def why_ended(record: JobRecord, job: Mapping[str, Any]) -> tuple[FailureType | None, str | None]:
    """Why an Azure job was ended from outside; None if it ended by itself."""
    reason = (job.get("executionInfo") or {}).get("terminateReason") or ""
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


def _earlier(moment: str, seconds: float) -> str:
    whole = datetime.fromisoformat(moment.partition(".")[0].rstrip("Z"))
    return f"{(whole - timedelta(seconds=seconds)).isoformat()}Z"
