"""The zoo: functions of every odd kind, called in a plain Python process and in a task, with equal results.

Each file of ``project/`` shows one kind. Its function is called once as the script's own and once as that of
a module of the user's. Run with ``-s`` to see the table.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parent / "project"
SUPPORT = {"keeper", "strict", "settings", "tools", "helper_named", "sloth"}
NAMES = sorted(path.stem for path in PROJECT.glob("*.py") if path.stem not in SUPPORT)
_SHOWN = 60


class Row(NamedTuple):
    """One function, called on both sides."""

    name: str
    here: str
    there: str

    @property
    def equal(self) -> bool:
        return self.here == self.there

    def __str__(self) -> str:
        here, there = (side if len(side) <= _SHOWN else f"{side[: _SHOWN - 1]}…" for side in self[1:])
        return f"{self.name:50} {here:{_SHOWN}} {there:{_SHOWN}} {self.equal}"


def call(arguments: list[str], **environment: str) -> str:
    """What a program of the project prints."""
    variables = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    completed = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=100
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout.strip()


@pytest.mark.parametrize("name", NAMES)
def test_it_does_there_what_it_does_here(name: str, root: str) -> None:
    rows = []
    for way, arguments in (("of the script", [f"{name}.py"]), ("of a module", ["-m", "keeper", name])):
        rows.append(Row(f"{name}, {way}", call(arguments), call(arguments, ZOO_ROOT=root)))
        print(rows[-1])
    for row in rows:
        assert row.here
        assert row.there == row.here


def test_there_are_as_many_as_promised() -> None:
    assert len(NAMES) >= 40
