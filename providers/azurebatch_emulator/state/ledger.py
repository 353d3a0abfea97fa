"""What survives the service: every resource as JSON, in SQLite.

Changes are gathered, and written before a request is answered, so that what a client has seen
outlives a crash; otherwise a few times a second. A crash may lose the changes of the last moments: then
tasks run again, as after the loss of a node.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from azurebatch_emulator.protocol.models.common import encode
from remotebatch_execution.database import open_database, transaction

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (kind, key)
);
"""
_SAVE = """
INSERT INTO resources (kind, key, body) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
"""

Resource = TypeVar("Resource")
_log = logging.getLogger(__name__)


class Ledger:
    """The resources of one account.

    A key is a path, such as ``job/task``; it sorts and groups nothing but what begins alike.

    :raises ProviderError: if the file was written by another version.
    """

    def __init__(self, path: str) -> None:
        self._database = open_database(
            path, _SCHEMA, _SCHEMA_VERSION, "the ledger", "choose another data directory"
        )
        self._changed: dict[tuple[str, str], msgspec.Struct | None] = {}

    def load(self, kind: str, resource: type[Resource]) -> Iterator[tuple[str, Resource]]:
        """Keys and resources of a kind, in the order in which they were first saved."""
        decoder = msgspec.json.Decoder(resource)
        query = "SELECT key, body FROM resources WHERE kind = ? ORDER BY number"
        for key, body in self._database.execute(query, (kind,)):
            yield key, decoder.decode(body)

    def save(self, kind: str, key: str, resource: msgspec.Struct) -> None:
        """Record a resource as it is at the next flush."""
        self._changed[kind, key] = resource

    def remove(self, kind: str, key: str) -> None:
        """Forget a resource."""
        self._changed[kind, key] = None

    def flush(self) -> bool:
        """Write what has changed; what cannot be written (a full disk) is kept for the next time."""
        if not self._changed:
            return True
        saved = [
            (*name, encode(resource)) for name, resource in self._changed.items() if resource is not None
        ]
        removed = [name for name, resource in self._changed.items() if resource is None]
        try:
            with transaction(self._database):
                self._database.executemany(_SAVE, saved)
                self._database.executemany("DELETE FROM resources WHERE kind = ? AND key = ?", removed)
        except sqlite3.Error as error:
            _log.error("the ledger cannot be written, will try again: %s", error)
            return False
        self._changed.clear()
        return True

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._database.close()
