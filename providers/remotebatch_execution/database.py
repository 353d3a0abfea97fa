"""SQLite with settings for many small writes that survive the death of the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from remotebatch.errors import ProviderError


def open_database(path: str, schema: str, version: int, what: str, otherwise: str) -> sqlite3.Connection:
    """Open a database; create it if it does not exist.

    :param schema: statements that make its tables where they are missing.
    :param version: of the schema.
    :param what: what the file is, for an error.
    :param otherwise: what to do if it is of another version, for the error.
    :raises ProviderError: if it was written by another version.
    """
    database = sqlite3.connect(path, isolation_level=None)
    # WAL without syncing on each commit: what is committed survives the process's death, though the
    # last commits may not survive the machine's
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    found = database.execute("PRAGMA user_version").fetchone()[0]
    if found not in (0, version):
        database.close()
        raise ProviderError(
            f"{what} {path} is of version {found}, this remotebatch writes {version}; {otherwise}"
        )
    database.executescript(schema + f"PRAGMA user_version = {version};")
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction: all statements within it take effect, or none."""
    database.execute("BEGIN")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
