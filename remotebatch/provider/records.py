"""What a provider stores and tells of a job: plain data, the same for every provider."""

from __future__ import annotations

from typing import Any

import msgspec

from remotebatch.status import FailureType, JobStatus, JobType

SINGLE_TASK_ID = 10_000_000
"""Task id of a single job; an array's children follow from the next one (Wolfram's AzureBatch)."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was submitted. It never changes, and is enough to re-attach to the job."""

    id: str
    """Ours: a UUID, distinct from the provider's id."""
    provider_job_id: str
    name: str
    type: JobType
    submitted_at: float
    """Seconds since the epoch."""
    submitted_by: str
    """``user@host``."""
    settings: dict[str, Any]
    """The provider's job settings in plain types; an input file's content is given by its digest."""
    element_count: int
    """Elements mapped over; 1 for a single job."""
    chunksize: int = 1
    """Elements to a child; the last child may have fewer."""
    function: str | None = None
    """Digest of the function object; None for commands."""
    kernel: str = ""
    """Digest of the kernel archive."""
    base_environment: dict[str, str] = {}
    """The submitter's own PATH, locale and so on, where the provider uses them."""
    python: str | None = None
    """The submitter's interpreter, where the provider uses it."""
    preload: list[str] = []
    """Installed modules that the function's pickle imports."""

    @property
    def task_count(self) -> int:
        """Children of an array; 1 for a single job."""
        return -(-self.element_count // self.chunksize)

    def task_id(self, index: int) -> str:
        """The provider's id for the task of that index."""
        return str(SINGLE_TASK_ID + index + (self.type is JobType.ARRAY))

    def index_of(self, task_id: str) -> int:
        """The index of the task that has that id at the provider."""
        return int(task_id) - SINGLE_TASK_ID - (self.type is JobType.ARRAY)

    def span(self, index: int) -> range:
        """Indices of the elements that a task evaluates."""
        first = index * self.chunksize
        return range(first, min(first + self.chunksize, self.element_count))


class TaskRecord(msgspec.Struct, frozen=True, array_like=True):
    """Where one task stands. Times are seconds since the epoch.

    A failed task without a failure type is unexplained: see :meth:`Provider.explain`.
    """

    index: int
    status: JobStatus = JobStatus.ACTIVE
    exit_code: int | None = None
    failure_type: FailureType | None = None
    reason: str | None = None
    attempts: int = 1
    """Number of the current attempt, from 1; retries count, re-queues do not."""
    requeues: int = 0
    """How often it was put back in the queue because what ran it went away."""
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def unexplained(self) -> bool:
        """Whether it failed and it is not known why."""
        return self.status is JobStatus.FAILED and self.failure_type is None


class Counts(msgspec.Struct, frozen=True):
    """How many tasks of a job are in each status."""

    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All tasks."""
        return self.active + self.running + self.succeeded + self.failed

    @property
    def finished(self) -> int:
        """Tasks that have ended, well or badly."""
        return self.succeeded + self.failed


class Changes(msgspec.Struct, frozen=True):
    """What has become of a job's tasks since a cursor."""

    cursor: str
    """To be handed in with the next query."""
    tasks: list[TaskRecord]
    """Every task that changed, as it stands now."""


class JobListing(msgspec.Struct, frozen=True):
    """A line of a provider's list of jobs."""

    record: JobRecord
    finished: bool
    """Whether every task has ended."""
    counts: Counts | None = None
    """None where the provider would have to ask for each job by itself."""


class OutputFile(msgspec.Struct, frozen=True):
    """A file that a task wrote under ``./JobOutput/``."""

    name: str
    """Path relative to ``JobOutput``, with forward slashes."""
    size: int
    """Bytes."""
