"""The AzureBatch provider: what the library calls.

Each part of the work is a room: ``submission`` makes jobs, ``tracking`` watches them and explains failures,
``storage`` reads what their tasks stored, ``batch`` has the requests to Azure Batch.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar

from azure.core.exceptions import HttpResponseError

from remotebatch.provider import (
    Changes,
    Counts,
    JobListing,
    JobRecord,
    OutputFile,
    Provider,
    Stream,
    Submission,
    TaskRecord,
    UnreadableRecord,
    Wake,
)
from remotebatch.provider.polling import PollLoop
from remotebatch.provider.task_ids import numbered_task_id
from remotebatch.settings import JobSettings
from remotebatch.status import JobStatus
from remotebatch.validation import check
from remotebatch_azurebatch.accounts.clients import batch_client
from remotebatch_azurebatch.accounts.connection import Connection
from remotebatch_azurebatch.accounts.credentials import find_connection
from remotebatch_azurebatch.accounts.credentials.given import given_connection
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.batch import ids, job_requests, metadata, queries, task_requests
from remotebatch_azurebatch.pools.pool import Pools
from remotebatch_azurebatch.pools.preflight import Preflight
from remotebatch_azurebatch.settings import AzureBatchProperties, AzureBatchSettings
from remotebatch_azurebatch.storage import layout
from remotebatch_azurebatch.storage.blobs import BlobStore
from remotebatch_azurebatch.submission.access import check_lifetime
from remotebatch_azurebatch.submission.commands import stored_commands
from remotebatch_azurebatch.submission.submitter import Submitter
from remotebatch_azurebatch.tracking.explanation import Explainer, is_stale
from remotebatch_azurebatch.tracking.stalled_jobs import StalledJobPolicy
from remotebatch_azurebatch.tracking.submission_watch import SubmissionWatch

_NO_STREAM = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE}
)
"""A node's answers where there is nothing to read (yet)."""


class AzureBatchProvider(Provider):
    """Runs jobs in containers on pools of Azure Batch, and keeps all they need and make in Blob Storage."""

    name: ClassVar[str] = "AzureBatch"
    settings_type: ClassVar[type[JobSettings]] = AzureBatchSettings
    refresh_interval: ClassVar[float] = 0.25

    def __init__(self, **properties: Any) -> None:
        self._given = check(AzureBatchProperties, properties, "property")
        given_connection(self._given)  # refuses, at once, what is no credential
        self._watches: dict[str, SubmissionWatch] = {}
        self._poll_loop = PollLoop(self._known_watch)
        self._commands: dict[str, list[list[str]]] = {}
        self._lock = threading.RLock()

    @property
    def properties(self) -> Mapping[str, Any]:
        """Pools, endpoint and interval as given; what is secret, or would ask again, is left out."""
        given = self._given
        known = {
            "pool_id": given.pool_id,
            "batch_endpoint": given.batch_endpoint if given.credential is None else None,
            "poll_interval": given.poll_interval,
        }
        return {name: value for name, value in known.items() if value is not None}

    @property
    def pools(self) -> Pools:
        """The environment's pools."""
        return Pools(self._client, self._given.pools)

    def check(self, settings: JobSettings) -> None:
        """Refuse what cannot run on the pools: one request for each, once in a while."""
        assert isinstance(settings, AzureBatchSettings)
        check_lifetime(self.connection.storage, settings)
        self._preflight.check(self._given.pools, settings)

    def submit(self, submission: Submission) -> JobRecord:
        """Store the submission and start the job."""
        settings = submission.settings
        assert isinstance(settings, AzureBatchSettings)
        facts = self._preflight.check(self._given.pools, settings)
        record, parts = self._submitter.submit(submission, facts)
        self._watch(record).add(parts)
        return record

    def jobs(self) -> list[JobListing]:
        """Single and Array jobs, newest first."""
        found = queries.list_all(self._client)
        going = {ids.job_id(job["id"]) for job in found if metadata.state_of(job) != "completed"}
        listings = []
        for job in found:
            if not ids.is_first_part(job["id"]) or metadata.state_of(job) == "deleting":
                continue
            try:
                record = metadata.record_of(job)
            except UnreadableRecord as error:
                warnings.warn(str(error), stacklevel=3)
                continue
            if record is not None:
                listings.append(JobListing(record, finished=record.id not in going))
        return sorted(listings, key=lambda listing: listing.record.submitted_at, reverse=True)

    def job(self, job_id: str) -> JobRecord:
        """The job of that id."""
        missing = ids.no_job(job_id)
        if not ids.is_first_part(ids.first_part(job_id)):
            raise missing
        job = queries.get_first_part(self._client, job_id)
        record = metadata.record_of(job)
        if record is None or metadata.state_of(job) == "deleting":
            raise missing
        return record

    def counts(self, job: JobRecord) -> Counts:
        """How many tasks are in each status."""
        return self._watch(job).counts()

    def task_id(self, job: JobRecord, index: int) -> str:
        """Azure's id of a task."""
        return numbered_task_id(job, index)

    def poll(
        self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
    ) -> dict[str, Changes]:
        """Report what has changed: each job is polled when it is due."""
        return self._poll_loop.poll(cursors, timeout, wake)

    def explain(self, job: JobRecord, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Find out why tasks failed where a list of them does not say."""
        return Explainer(self._watch(job), self._client, self._store).explain(tasks)

    def read_result(self, job: JobRecord, index: int) -> bytes:
        """The result object of a task."""
        blob = self._store.read(layout.container(job), layout.result(numbered_task_id(job, index)))
        if is_stale(blob.modified, self._watch(job).task(index)):
            raise _no_result(job, index)
        return blob.data

    def read_results(self, job: JobRecord, indices: Iterable[int]) -> Iterator[tuple[int, bytes | OSError]]:
        """The result objects of several tasks, read at the same time."""
        watch, wanted = self._watch(job), list(indices)
        names = (layout.result(numbered_task_id(job, index)) for index in wanted)
        for index, found in zip(wanted, self._store.read_many(layout.container(job), names)):
            if isinstance(found, OSError):
                yield index, found
            elif is_stale(found.modified, watch.task(index)):
                yield index, _no_result(job, index)
            else:
                yield index, found.data

    def save_result(self, job: JobRecord, index: int, to: Path) -> None:
        """Copy the result object of a task to a file, a piece at a time."""
        container, name = layout.container(job), layout.result(numbered_task_id(job, index))
        if is_stale(self._store.modified(container, name), self._watch(job).task(index)):
            raise _no_result(job, index)
        self._store.download(container, name, to)

    def read_command(self, job: JobRecord, index: int) -> list[str]:
        """The argument list of a task that is a command."""
        with self._lock:
            known = self._commands.get(job.id)
        if known is None:
            first, _ = self._watch(job).parts()[0]
            known = stored_commands(self._store, job, queries.get_part(self._client, job, first))
            with self._lock:
                self._commands[job.id] = known  # one is seldom asked for alone
        return known[index]

    def read_stream(self, job: JobRecord, index: int, stream: Stream, offset: int = 0) -> bytes:
        """What a task has written so far: from its node while it runs, from Blob Storage after.

        Where storing it failed, the node is asked after as well, as long as it is there.
        """
        watch = self._watch(job)
        if not watch.task(index).status.final and watch.is_due:
            watch.poll_now()  # the job may not be waited for
        status = watch.task(index).status
        if status is JobStatus.ACTIVE:
            return b""
        if status.final:
            try:
                return self._store.read(
                    layout.container(job), layout.stream(numbered_task_id(job, index), stream), offset
                ).data
            except FileNotFoundError:
                pass  # perhaps the node still has it
        return self._read_from_node(watch, job, index, stream, offset)

    def output_files(self, job: JobRecord, index: int) -> list[OutputFile]:
        """Files that a task wrote under ``./JobOutput/``."""
        directory = layout.outputs(numbered_task_id(job, index))
        return [
            OutputFile(blob.name.removeprefix(f"{directory}/"), blob.size)
            for blob in self._store.list_blobs(layout.container(job), directory)
        ]

    def download(self, job: JobRecord, index: int, name: str, to: Path) -> None:
        """Copy one of those files to a local path."""
        blob = f"{layout.outputs(numbered_task_id(job, index))}/{name}"
        self._store.download(layout.container(job), blob, to)

    def abort(self, job: JobRecord, indices: Sequence[int] | None, reason: str) -> None:
        """End tasks: all of them with their Azure jobs, single ones each with a note of who asked for it."""
        watch = self._watch(job)
        watch.find_parts()  # another process may have retried it
        if indices is None or len(set(indices)) == job.task_count:
            for part, _ in watch.parts():
                job_requests.terminate(self._client, part.azure_id(job.id), reason)
        else:
            container = layout.container(job)
            for index in indices:
                name = layout.abort_note(numbered_task_id(job, index))
                self._store.write(container, name, lambda file: file.write(reason.encode()))
            tasks = [
                (watch.part_of(index).azure_id(job.id), numbered_task_id(job, index)) for index in indices
            ]
            task_requests.terminate(self._client, tasks)
        watch.poll_soon(ending=True)

    def retry(self, job: JobRecord, indices: Sequence[int] | None) -> None:
        """Add failed tasks once more, in an Azure job of their own: the one they were in may have ended."""
        watch = self._watch(job)
        watch.find_parts()  # another process may have begun to do the same
        watch.poll_now()
        wanted = range(job.task_count) if indices is None else indices
        failed = [task for task in map(watch.task, wanted) if task.status is JobStatus.FAILED]
        if not failed:
            return
        self._store.delete_of_tasks(
            layout.container(job), {numbered_task_id(job, task.index) for task in failed}
        )
        watch.add(self._submitter.retry(job, watch.parts(), failed))

    def delete(self, job: JobRecord) -> None:
        """End the job and remove all that is stored of it."""
        for azure_id in queries.part_ids(self._client, job.provider_job_id):
            job_requests.delete(self._client, azure_id)
        self._store.delete_container(layout.container(job))
        self.forget([job.id])

    def forget(self, job_ids: Iterable[str]) -> None:
        """Drop what is known of jobs."""
        with self._lock:
            for job_id in job_ids:
                self._watches.pop(job_id, None)
                self._commands.pop(job_id, None)

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        with self._lock:
            for name in ("_store", "_client"):
                if name in self.__dict__:
                    self.__dict__.pop(name).close()
            for name in ("_submitter", "_preflight"):
                self.__dict__.pop(name, None)
            self._watches.clear()
            self._commands.clear()

    # -- connections, made when they are first needed ---------------------------------------

    @functools.cached_property
    def connection(self) -> Connection:
        """The accounts, looked for when they are first needed."""
        with self._lock:
            found: Connection | None = self.__dict__.get("connection")  # by another thread meanwhile
            return find_connection(self._given) if found is None else found

    @functools.cached_property
    def _client(self) -> Any:
        with self._lock:
            made = self.__dict__.get("_client")
            return batch_client(self.connection.batch) if made is None else made

    @functools.cached_property
    def _store(self) -> BlobStore:
        with self._lock:
            made: BlobStore | None = self.__dict__.get("_store")
            return BlobStore(self.connection.storage) if made is None else made

    @functools.cached_property
    def _submitter(self) -> Submitter:
        return Submitter(self.connection, self._client, self._store)

    @functools.cached_property
    def _preflight(self) -> Preflight:
        return Preflight(self._client)

    # -- within -----------------------------------------------------------------------------

    def _watch(self, job: JobRecord) -> SubmissionWatch:
        with self._lock:
            watch = self._watches.get(job.id)
            if watch is None:
                policy = StalledJobPolicy(self._client)
                watch = SubmissionWatch(self._client, job, self._given.poll_interval, policy.examine)
                self._watches[job.id] = watch
            return watch

    def _known_watch(self, job_id: str) -> SubmissionWatch:
        with self._lock:
            watch = self._watches.get(job_id)
        return watch if watch is not None else self._watch(self.job(job_id))

    def _read_from_node(
        self, watch: SubmissionWatch, job: JobRecord, index: int, stream: Stream, offset: int
    ) -> bytes:
        azure_id, task_id = watch.part_of(index).azure_id(job.id), numbered_task_id(job, index)
        span = f"bytes={offset}-" if offset else None
        with translated(f"{stream} of task {task_id} in job {job.id} cannot be read"):
            try:
                pieces = self._client.download_task_file(azure_id, task_id, f"{stream}.txt", ocp_range=span)
                return b"".join(pieces)
            except HttpResponseError as error:
                if error.status_code in _NO_STREAM:
                    return b""
                raise


def _no_result(job: JobRecord, index: int) -> FileNotFoundError:
    return FileNotFoundError(f"task {numbered_task_id(job, index)} has stored no result in its last attempt")
