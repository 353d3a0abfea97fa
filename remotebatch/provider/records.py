"""What a provider stores and reports of a job: plain data, the same for every provider.

A job's record is stored with a version. A record of an earlier version is read with defaults for what it
lacks. One of a later version is refused in words, for that job alone.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from remotebatch.errors import ProviderError
from remotebatch.settings import JobSettings
from remotebatch.status import Counts, FailureType, JobStatus, JobType

RECORD_VERSION = 2
"""Version of the records that are written here: to be raised when a record changes its meaning."""
_LEFT_ALONE = "nothing stored of the job is changed or removed"


class UnreadableRecord(ProviderError):
    """A job's record cannot be read by this version of remotebatch. The job itself is not affected."""


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
    settings: JobSettings
    """The provider's settings in force, without input files; durations are seconds."""
    input_files: dict[str, str] = {}
    """Name in the working directory → digest of the content."""
    element_count: int
    """Elements mapped over; 1 for a single job."""
    chunksize: int = 1
    """Elements to a child; the last child may have fewer."""
    function: str | None = None
    """Digest of the function object; None for commands."""
    kernel: str = ""
    """Digest of the kernel archive."""
    code: str | None = None
    """Digest of the function's code package, if it has one."""
    base_environment: dict[str, str] = {}
    """The submitter's own PATH, locale and so on, where the provider uses them."""
    python: str | None = None
    """The submitter's interpreter, where the provider uses it."""
    preload: list[str] = []
    """Installed modules that the function's pickle imports."""
    integrity_key: str | None = None
    """Key by which the job's tasks authenticate what they store, where the provider uses one."""
    objects: list[str] = []
    """Further stored objects that the job needs, by their digests."""
    version: int = RECORD_VERSION

    def __repr__(self) -> str:  # without what is secret
        return f"JobRecord(id={self.id!r}, name={self.name!r}, type={self.type})"

    @property
    def task_count(self) -> int:
        """Children at the time of submission; 1 for a single job. A job that grows reports its changes."""
        return -(-self.element_count // self.chunksize)

    def span(self, index: int) -> range:
        """Indices of the elements that a task evaluates."""
        first = index * self.chunksize
        return range(first, min(first + self.chunksize, self.element_count))

    def settings_in_force(self) -> dict[str, Any]:
        """All settings in plain types, defaults included; an input file is given by its digest."""
        plain: dict[str, Any] = msgspec.to_builtins(self.settings)
        return plain | {"input_files": dict(self.input_files)}


def encode_record(record: JobRecord) -> bytes:
    """A record as JSON."""
    return msgspec.json.encode(record)


def decode_record(data: bytes | str, settings_type: type[JobSettings]) -> JobRecord:
    """A record from JSON, of this version or an earlier one.

    :param settings_type: the provider's settings.
    :raises UnreadableRecord: if a later version wrote it, or if it is damaged.
    """
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, TypeError) as error:
        raise UnreadableRecord(f"a job's record is damaged: {error}; {_LEFT_ALONE}") from error
    return record_from_plain(plain, settings_type)


def record_from_plain(plain: Any, settings_type: type[JobSettings]) -> JobRecord:
    """A record from plain types, as :func:`decode_record` reads it.

    :raises UnreadableRecord: likewise.
    """
    if not isinstance(plain, Mapping):
        raise UnreadableRecord(f"a job's record is damaged: it is a {type(plain).__name__}; {_LEFT_ALONE}")
    fields = dict(plain)
    job = f"job {fields.get('id', '(without an id)')}"
    version = fields.get("version", 1)
    if not isinstance(version, int) or version > RECORD_VERSION:
        raise UnreadableRecord(
            f"{job} was recorded by a newer version of remotebatch (record version {version}, this one "
            f"reads up to {RECORD_VERSION}): upgrade remotebatch to use it"
        )
    try:
        if version == 1:
            fields = _from_version_1(fields)
        settings = msgspec.convert(fields.pop("settings"), settings_type)
        header = msgspec.convert({**fields, "settings": {}, "version": RECORD_VERSION}, JobRecord)
        return msgspec.structs.replace(header, settings=settings)
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableRecord(
            f"the record of {job} cannot be read: {error}; if a newer version of remotebatch wrote it, "
            f"upgrade, otherwise it is damaged; {_LEFT_ALONE}"
        ) from error


def _from_version_1(fields: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had the digests of input files among its settings, and no version."""
    settings = dict(fields["settings"])
    return {**fields, "input_files": settings.pop("input_files", {}), "settings": settings}


class TaskRole(enum.Enum):
    """What a task does for its job. A job's length, counts and results are those of its children."""

    CHILD = "child"
    """Evaluates the user's function."""
    COMBINE = "combine"
    """Combines results of children."""
    ENGINE = "engine"
    """Serves calls of a session."""


class TaskRecord(msgspec.Struct, frozen=True, array_like=True):
    """The state of one task. Times are seconds since the epoch.

    A failed task without a failure type is unexplained: see :meth:`remotebatch.provider.Provider.explain`.
    """

    index: int
    status: JobStatus = JobStatus.ACTIVE
    exit_code: int | None = None
    failure_type: FailureType | None = None
    reason: str | None = None
    attempts: int = 1
    """Number of the current attempt, from 1; retries count, re-queues do not."""
    requeues: int = 0
    """How often it was requeued because what ran it went away."""
    started_at: float | None = None
    ended_at: float | None = None
    role: TaskRole = TaskRole.CHILD

    @property
    def unexplained(self) -> bool:
        """Whether it failed and it is not known why."""
        return self.status is JobStatus.FAILED and self.failure_type is None


class Changes(msgspec.Struct, frozen=True):
    """What has changed in a job since a cursor."""

    cursor: str
    """To be handed in with the next query."""
    tasks: list[TaskRecord]
    """Every task that changed, in its present state."""
    task_count: int | None = None
    """Children that the job has now; None for as many as it was submitted with."""
    closed: bool = True
    """Whether it gets no further children."""


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
