"""SQLite: versions are checked, transactions take effect as a whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from remotebatch import ProviderError
from remotebatch_execution.database import open_database, transaction

SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT);"


def test_of_another_version(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    open_database(path, SCHEMA, 1, "the journal", "choose another root=").close()
    open_database(path, SCHEMA, 1, "the journal", "choose another root=").close()
    with pytest.raises(ProviderError, match=r"the journal .* is of version 1, .* writes 2; choose another"):
        open_database(path, SCHEMA, 2, "the journal", "choose another root=")


def test_a_transaction_that_fails_has_no_effect(tmp_path: Path) -> None:
    with closing(open_database(str(tmp_path / "db"), SCHEMA, 1, "it", "")) as database:
        with transaction(database):
            database.execute("INSERT INTO things VALUES ('kept')")
        with pytest.raises(ZeroDivisionError):
            insert_and_fail(database)
        assert database.execute("SELECT name FROM things").fetchall() == [("kept",)]


def insert_and_fail(database: sqlite3.Connection) -> None:
    with transaction(database):
        database.execute("INSERT INTO things VALUES ('dropped')")
        raise ZeroDivisionError
