"""Why tasks failed, where a list does not say: their results, the notes of aborts and their Azure jobs do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azure.batch import BatchClient

from remotebatch.provider import JobRecord, TaskRecord, classification
from remotebatch.provider.task_ids import numbered_task_id
from remotebatch.status import FailureType, JobStatus
from remotebatch_azurebatch.batch import queries
from remotebatch_azurebatch.batch.ends import why_ended
from remotebatch_azurebatch.storage import layout
from remotebatch_azurebatch.storage.blobs import Blob, BlobStore
from remotebatch_azurebatch.tracking import outcome
from remotebatch_azurebatch.tracking.submission_watch import SubmissionWatch
from remotebatch_kernel.formats import envelope


class Explainer:
    """Explains tasks of one submission, many at a time."""

    def __init__(self, watch: SubmissionWatch, client: BatchClient, store: BlobStore) -> None:
        self._watch = watch
        self._record: JobRecord = watch.record
        self._client = client
        self._store = store
        self._container = layout.container(watch.record)

    def explain(self, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Fill in failure type and reason of failed tasks that have none."""
        open_ones = [task for task in tasks if task.status is JobStatus.FAILED and task.failure_type is None]
        stopped = [task for task in open_ones if task.reason is not None]
        exited = [task for task in open_ones if task.reason is None]
        explained = {task.index: task for task in [*self._stopped(stopped), *self._exited(exited)]}
        return [explained.get(task.index, task) for task in tasks]

    def _exited(self, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Explain tasks that ended with an exit code, by what they stored."""
        names = [layout.result(numbered_task_id(self._record, task.index)) for task in tasks]
        found = self._store.read_many(self._container, names, whole=False)
        return [self._explained(task, blob) for task, blob in zip(tasks, found)]

    def _explained(self, task: TaskRecord, found: Blob | FileNotFoundError) -> TaskRecord:
        if isinstance(found, FileNotFoundError) or is_stale(found.modified, task):
            if outcome.was_killed(task):
                return outcome.out_of_memory(task)
            failure = classification.by_exit_code(task.exit_code)
        else:
            try:
                failure = classification.by_result(task.exit_code, self._header(task, found.data))
            except envelope.CorruptEnvelope as error:
                reason = f"the stored result cannot be read: {error}"
                failure = classification.Failure(FailureType.RESULT_UNAVAILABLE, reason)
        return outcome.with_outcome(task, JobStatus.FAILED, *failure)

    def _header(self, task: TaskRecord, beginning: bytes) -> dict[str, Any]:
        if b"\n" not in beginning:  # it is longer than most
            name = layout.result(numbered_task_id(self._record, task.index))
            beginning = self._store.read(self._container, name).data
        return envelope.parse_header(beginning)

    def _stopped(self, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        """Explain tasks that were ended from outside: singly, which left a note, or with their Azure job."""
        if not tasks:
            return []
        notes = self._notes({numbered_task_id(self._record, task.index) for task in tasks})
        ends: dict[int, tuple[FailureType | None, str | None]] = {}
        explained = []
        for task in tasks:
            note = notes.get(numbered_task_id(self._record, task.index))
            if note is not None:
                kind, reason = FailureType.ABORTED, note
            else:
                part = self._watch.part_of(task.index)
                if part.number not in ends:
                    azure_job = queries.get_part(self._client, self._record, part)
                    ends[part.number] = why_ended(self._record, azure_job)
                found, why = ends[part.number]
                kind, reason = found or FailureType.ABORTED, why or f"not by remotebatch: {task.reason}"
            explained.append(outcome.with_outcome(task, JobStatus.FAILED, kind, reason))
        return explained

    def _notes(self, task_ids: set[str]) -> dict[str, str]:
        stored = self._store.list_blobs(self._container, layout.ABORTS)
        noted = [name for name in (blob.name.rpartition("/")[2] for blob in stored) if name in task_ids]
        blobs = self._store.read_many(self._container, map(layout.abort_note, noted))
        return {name: blob.data.decode() for name, blob in zip(noted, blobs) if isinstance(blob, Blob)}


def is_stale(modified: float, task: TaskRecord) -> bool:
    """Whether a result was stored before the task's present attempt began.

    :param modified: when it was stored, in seconds since the epoch; only whole seconds are known.
    """
    return task.started_at is None or modified < int(task.started_at)
