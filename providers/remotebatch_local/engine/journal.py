"""What survives the agent: jobs and where their tasks stand, in SQLite.

Writes are gathered and committed together a few times a second, save a submission, which is
committed before it is acknowledged. What is lost of the last moments if the agent is killed is
found again from the result objects.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator

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


class Journal:
    """One agent's journal.

    :raises ProviderError: if the file was written by another version.
    """

    def __init__(self, path: str) -> None:
        self._database = open_database(path, _SCHEMA, _SCHEMA_VERSION, "the journal", "choose another root=")
        self.unreadable: dict[str, str] = {}
        """Job id → why its record cannot be read, of the jobs seen so far."""
        self._jobs: dict[str, tuple[Counts, bool]] = {}
        self._tasks: dict[tuple[str, int], TaskRecord] = {}

    def jobs(self) -> Iterator[tuple[JobRecord, int, Counts, bool]]:
        """All jobs in order of submission: record, position, counts, whether they have finished.

        A job whose record cannot be read is left out, and stays as it is; see :attr:`unreadable`.
        """
        query = "SELECT id, record, position, counts, finished FROM jobs ORDER BY position"
        for job_id, record, position, counts, finished in self._database.execute(query):
            try:
                decoded = decode_record(record, LocalSettings)
            except UnreadableRecord as error:
                _log.warning("%s", error)
                self.unreadable[job_id] = str(error)
                continue
            yield decoded, position, msgspec.json.decode(counts, type=Counts), bool(finished)

    def next_position(self) -> int:
        """The place of the next job in the order of submission."""
        last: int | None = self._database.execute("SELECT max(position) FROM jobs").fetchone()[0]
        return 0 if last is None else last + 1

    def tasks(self, job_id: str) -> Iterator[TaskRecord]:
        """Tasks of a job that have left their first state."""
        for (record,) in self._database.execute("SELECT record FROM tasks WHERE job = ?", (job_id,)):
            yield msgspec.json.decode(record, type=TaskRecord)

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

    def note_task(self, job_id: str, task: TaskRecord) -> None:
        """Record where a task stands, with the next flush."""
        self._tasks[job_id, task.index] = task

    def note_job(self, job_id: str, counts: Counts, finished: bool) -> None:
        """Record where a job stands, with the next flush."""
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
