"""What survives the agent: jobs and where their tasks stand, in SQLite.

Writes are gathered and committed together a few times a second, except a submission, which is committed
before it is acknowledged. What is lost of the last moments if the agent is killed is recovered from the
result objects.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from remotebatch.errors import ProviderError
from remotebatch.provider import (
    Counts,
    JobRecord,
    TaskRecord,
    UnreadableRecord,
    decode_record,
    encode_record,
)
from remotebatch_execution.database import open_database, transaction
from remotebatch_local.settings import LocalSettings

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    record BLOB NOT NULL,
    counts BLOB NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS tasks (
    job TEXT NOT NULL,
    task INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (job, task)
) WITHOUT ROWID;
"""

_log = logging.getLogger(__name__)
_encode = msgspec.json.encode
_LAST_POSITION = 2**53
_UNREADABLE = (UnreadableRecord, msgspec.MsgspecError, UnicodeDecodeError, TypeError)


class JournalEntry(NamedTuple):
    """What the journal knows of a job."""

    record: JobRecord
    position: int
    """Place in the order of submission."""
    counts: Counts
    finished: bool


class Journal:
    """One agent's journal.

    :raises ProviderError: if the file was written by another version.
    """

    def __init__(self, path: str) -> None:
        self._database = open_database(path, _SCHEMA, _SCHEMA_VERSION, "the journal", "choose another root=")
        self.unreadable: dict[str, str] = {}
        """Job id → why what is recorded of it cannot be read, of the jobs that were read so far."""
        self.next_position = self._read_next_position()
        """Place of the next job in the order of submission, unreadable ones included."""
        self._jobs: dict[str, tuple[Counts, bool]] = {}
        self._tasks: dict[tuple[str, int], TaskRecord] = {}

    def jobs(self) -> Iterator[JournalEntry]:
        """All jobs in order of submission.

        A job whose record cannot be read is left out, and stays as it is; see :attr:`unreadable`.
        """
        query = "SELECT id, record, position, counts, finished FROM jobs ORDER BY position"
        for job_id, record, position, counts, finished in self._database.execute(query):
            try:
                _check_row(job_id, position)
                job = decode_record(record, LocalSettings)
                if job.id != job_id:
                    raise UnreadableRecord(f"its record is that of job {job.id}")
                decoded_counts = msgspec.json.decode(counts, type=Counts)
            except _UNREADABLE as error:
                self._note_unreadable(str(job_id), error)
            else:
                yield JournalEntry(job, position, decoded_counts, bool(finished))

    def tasks(self, job: JobRecord) -> list[TaskRecord]:
        """Tasks of a job that have left their first state.

        :raises UnreadableRecord: if one cannot be read; the job stays as it is.
        """
        query = "SELECT record FROM tasks WHERE job = ?"
        tasks = []
        try:
            for (record,) in self._database.execute(query, (job.id,)):
                task = msgspec.json.decode(record, type=TaskRecord)
                if not 0 <= task.index < job.task_count:
                    raise UnreadableRecord(f"it has a task {task.index}, of {job.task_count}")
                tasks.append(task)
        except _UNREADABLE as error:
            raise UnreadableRecord(self._note_unreadable(job.id, error)) from error
        return tasks

    def add_job(self, job: JobRecord, position: int, counts: Counts) -> None:
        """Record a new job, for certain.

        :raises ProviderError: if it cannot be written.
        """
        try:
            self._database.execute(
                "INSERT INTO jobs (id, position, record, counts, finished) VALUES (?, ?, ?, ?, ?)",
                (job.id, position, encode_record(job), _encode(counts), counts.total == 0),
            )
        except sqlite3.Error as error:
            raise ProviderError(f"job {job.name!r} was not submitted: the journal says: {error}") from error
        self.next_position = position + 1

    def note_task(self, job_id: str, task: TaskRecord) -> None:
        """Record the state of a task, with the next flush."""
        self._tasks[job_id, task.index] = task

    def note_job(self, job_id: str, counts: Counts, finished: bool) -> None:
        """Record the state of a job, with the next flush."""
        self._jobs[job_id] = counts, finished

    def forget(self, job_id: str) -> None:
        """Remove a job."""
        self._jobs.pop(job_id, None)
        for key in [key for key in self._tasks if key[0] == job_id]:
            del self._tasks[key]
        try:
            with transaction(self._database):
                self._database.execute("DELETE FROM tasks WHERE job = ?", (job_id,))
                self._database.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
        except sqlite3.Error as error:
            raise ProviderError(f"job {job_id} was not deleted: the journal says: {error}") from error

    def flush(self) -> bool:
        """Write what was noted; what cannot be written (a full disk) is kept for the next time."""
        if not self._tasks and not self._jobs:
            return True
        try:
            with transaction(self._database):
                self._database.executemany(
                    "INSERT OR REPLACE INTO tasks (job, task, record) VALUES (?, ?, ?)",
                    [(job, index, _encode(task)) for (job, index), task in self._tasks.items()],
                )
                self._database.executemany(
                    "UPDATE jobs SET counts = ?, finished = ? WHERE id = ?",
                    [(_encode(counts), finished, job) for job, (counts, finished) in self._jobs.items()],
                )
        except sqlite3.Error as error:
            _log.error("the journal cannot be written, will try again: %s", error)
            return False
        self._tasks.clear()
        self._jobs.clear()
        return True

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._database.close()

    def _read_next_position(self) -> int:
        query = "SELECT max(position) FROM jobs WHERE typeof(position) = 'integer' AND position <= ?"
        last: int | None = self._database.execute(query, (_LAST_POSITION,)).fetchone()[0]
        return 0 if last is None else last + 1

    def _note_unreadable(self, job_id: str, error: Exception) -> str:
        reason = str(error)
        if job_id not in reason:
            reason = f"what is recorded of job {job_id} cannot be read: {reason}"
        _log.warning("%s", reason)
        self.unreadable[job_id] = reason
        return reason


def _check_row(job_id: object, position: object) -> None:
    """Refuse a row whose columns hold what no version writes there."""
    if not isinstance(job_id, str):
        raise UnreadableRecord("the id in its row is no text")
    if not isinstance(position, int) or not 0 <= position <= _LAST_POSITION:
        raise UnreadableRecord(f"the position in its row is {position!r}")
