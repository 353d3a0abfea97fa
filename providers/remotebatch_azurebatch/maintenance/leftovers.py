"""What jobs leave behind at Azure, where it costs money or counts against a quota."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import Enum

from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord, UnreadableRecord
from remotebatch.storage.conventions import container_name
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.batch import job_requests, metadata
from remotebatch_azurebatch.batch.ids import PREFIX
from remotebatch_azurebatch.batch.values import lower
from remotebatch_azurebatch.storage.layout import OBJECTS

WEEK = timedelta(days=7)

_IN_PROGRESS = timedelta(hours=1)
"""A submission that is younger may still be at work: it has its container before it has its job."""
_JOB = re.compile(rf"({PREFIX}[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})(?:-\d+)?")
_SELECTED = sorted({*metadata.SELECTED, "creationTime"})


class Kind(str, Enum):
    """What is left over."""

    IDLE_JOB = "idle job"
    ENDED_JOB = "ended job"
    CONTAINER = "container"
    OBJECT = "object"


@dataclass(frozen=True)
class Leftover:
    """Something at Azure that seems to be of no use any more."""

    kind: Kind
    name: str
    """Id of the job, name of the container or of the object."""
    age: timedelta
    """Since it ended; for what has no end, since it was made."""
    size: int
    """Bytes in Blob Storage."""
    why: str
    """Why it is listed."""
    jobs: tuple[str, ...] = ()
    """The Azure Batch jobs that go with it."""
    container: str | None = None
    """The blob container that goes with it."""
    etag: str | None = None
    """Of an object: the version that was found."""


def find_leftovers(
    batch: BatchClient, blobs: BlobServiceClient, older_than: timedelta, *, now: datetime | None = None
) -> list[Leftover]:
    """List what could be removed, oldest first of each kind.

    Listed are jobs that are active with nothing to run, jobs that ended, containers of jobs that are gone,
    and stored functions, code packages and input files that no job refers to.

    :param older_than: nothing younger; besides, what may belong to a submission that is under way counts
        after an hour only, and what is stored by its content after a week, as it serves many jobs.
    :param now: the time to reckon from; by default the present.
    :raises ProviderError: if a service cannot be asked.
    """
    time = now or datetime.now(timezone.utc)
    submissions = _submissions(batch)
    containers = _containers(blobs)
    found = [
        *_jobs(batch, submissions, containers, older_than, time),
        *_orphans(submissions, containers, older_than, time),
        *_objects(blobs, submissions, max(older_than, WEEK), time),
    ]
    with translated("the sizes of containers cannot be read"):
        sized = [_sized(leftover, blobs) for leftover in found]
    order = list(Kind)
    return sorted(sized, key=lambda leftover: (order.index(leftover.kind), -leftover.age, leftover.name))


def remove(leftovers: Sequence[Leftover], batch: BatchClient, blobs: BlobServiceClient) -> list[Leftover]:
    """Remove leftovers for good, with all results in them; what is gone already does no harm.

    :returns: those that are gone or going. Left as they are: objects that a job has come to need since,
        or that were stored again.
    :raises ProviderError: if a service refuses.
    """
    objects = any(leftover.kind is Kind.OBJECT for leftover in leftovers)
    needed = _needed(_submissions(batch)) if objects else set()
    return [leftover for leftover in leftovers if _remove(leftover, batch, blobs, needed)]


# -- jobs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Submission:
    """All Azure Batch jobs of one submission."""

    id: str
    parts: list[models.BatchJob]

    @property
    def container(self) -> str:
        return container_name(self.id)

    @property
    def is_going(self) -> bool:
        return any(lower(part.state) == "deleting" for part in self.parts)

    @property
    def has_ended(self) -> bool:
        return all(lower(part.state) == "completed" for part in self.parts)

    @property
    def since(self) -> datetime:
        """When it ended, or was made if it has not."""
        ends = (part.execution_info.end_time for part in self.parts if part.execution_info)
        known = [end for end in ends if end] if self.has_ended else []
        return max(known or [part.creation_time for part in self.parts])

    @property
    def task_count(self) -> int | None:
        """Tasks that it was to have; None if no record says so that this version can read."""
        records = (_record_of(part) for part in self.parts)
        return next((record.task_count for record in records if record), None)

    @property
    def objects(self) -> set[str]:
        """Names of the objects that it refers to."""
        try:
            return {name for part in self.parts for name in metadata.objects_of(part.as_dict())}
        except (ValueError, TypeError) as error:
            raise ProviderError(
                f"the metadata of job {self.id!r} cannot be read, so it is unknown which stored "
                "objects it needs; delete that job first"
            ) from error


def _record_of(part: models.BatchJob) -> JobRecord | None:
    try:
        return metadata.record_of(part.as_dict())
    except UnreadableRecord:  # the job can be removed all the same
        return None


def _submissions(batch: BatchClient) -> dict[str, _Submission]:
    parts: dict[str, list[models.BatchJob]] = defaultdict(list)
    with translated("the jobs cannot be listed"):
        for job in batch.list_jobs(filter=f"startswith(id,'{PREFIX}')", select=_SELECTED):
            matched = _JOB.fullmatch(job.id)
            if matched:
                parts[matched.group(1)].append(job)
    return {name: _Submission(name, jobs) for name, jobs in parts.items()}


def _jobs(
    batch: BatchClient,
    submissions: dict[str, _Submission],
    containers: dict[str, datetime],
    older_than: timedelta,
    now: datetime,
) -> Iterator[Leftover]:
    for submission in submissions.values():
        age = now - submission.since
        if submission.is_going or age < older_than:
            continue
        if submission.has_ended:
            kind, why = Kind.ENDED_JOB, "its results are kept"
        elif age >= _IN_PROGRESS and (idle := _why_idle(batch, submission)):
            kind, why = Kind.IDLE_JOB, idle
        else:
            continue
        jobs = tuple(part.id for part in submission.parts)
        container = submission.container if submission.container in containers else None
        yield Leftover(kind, submission.id, age, 0, why, jobs, container)


def _why_idle(batch: BatchClient, submission: _Submission) -> str | None:
    """Why a job that has not ended will do nothing more; None if it may."""
    added = 0
    with translated(f"the tasks of job {submission.id!r} cannot be counted"):
        for part in submission.parts:
            counts = batch.get_job_task_counts(part.id).task_counts
            if counts.active or counts.running:
                return None
            added += counts.completed
    wanted = submission.task_count
    if wanted is not None and added < wanted:
        return f"its submission was cut: {added} of {wanted} tasks"
    return "it counts as active, with nothing to run"


# -- storage ------------------------------------------------------------------------------------


def _containers(blobs: BlobServiceClient) -> dict[str, datetime]:
    """Containers of our jobs, and when they were made."""
    with translated("the blob containers cannot be listed"):
        return {
            found.name: found.last_modified
            for found in blobs.list_containers(name_starts_with=f"job-{PREFIX}")
            if _JOB.fullmatch(found.name.removeprefix("job-"))
        }


def _orphans(
    submissions: dict[str, _Submission],
    containers: dict[str, datetime],
    older_than: timedelta,
    now: datetime,
) -> Iterator[Leftover]:
    owned = {submission.container for submission in submissions.values()}
    for name, made in containers.items():
        age = now - made
        if name not in owned and age >= max(older_than, _IN_PROGRESS):
            yield Leftover(Kind.CONTAINER, name, age, 0, "its job is gone", container=name)


def _objects(
    blobs: BlobServiceClient, submissions: dict[str, _Submission], older_than: timedelta, now: datetime
) -> Iterator[Leftover]:
    needed = _needed(submissions)
    with translated(f"container {OBJECTS!r} cannot be listed"), suppress(ResourceNotFoundError):
        for blob in blobs.get_container_client(OBJECTS).list_blobs():
            age = now - blob.last_modified
            if blob.name not in needed and age >= older_than:
                yield Leftover(Kind.OBJECT, blob.name, age, blob.size, "no job refers to it", etag=blob.etag)


def _needed(submissions: dict[str, _Submission]) -> set[str]:
    """Names of the objects that jobs refer to."""
    return {name for submission in submissions.values() for name in submission.objects}


def _sized(leftover: Leftover, blobs: BlobServiceClient) -> Leftover:
    if leftover.container is None:
        return leftover
    with suppress(ResourceNotFoundError):  # another process removed it meanwhile
        stored = blobs.get_container_client(leftover.container).list_blobs()
        return replace(leftover, size=sum(blob.size for blob in stored))
    return leftover


# -- removal ------------------------------------------------------------------------------------


def _remove(leftover: Leftover, batch: BatchClient, blobs: BlobServiceClient, needed: set[str]) -> bool:
    with translated(f"{leftover.kind.value} {leftover.name!r} cannot be removed"):
        if leftover.kind is Kind.OBJECT:
            return leftover.name not in needed and _remove_object(leftover, blobs)
        for job in leftover.jobs:
            job_requests.delete(batch, job)
        if leftover.container is not None:
            with suppress(ResourceNotFoundError):
                blobs.delete_container(leftover.container)
    return True


def _remove_object(leftover: Leftover, blobs: BlobServiceClient) -> bool:
    blob = blobs.get_blob_client(OBJECTS, leftover.name)
    try:
        blob.delete_blob(etag=leftover.etag, match_condition=MatchConditions.IfNotModified)
    except ResourceModifiedError:  # also said of one that is gone
        return not blob.exists()
    except ResourceNotFoundError:
        pass  # gone already
    return True
