"""A user's surroundings: an empty directory, a data directory of its own, the programs on the path."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess, run

import pytest

from remotebatch_local import LocalProvider

TIME_LIMIT = 150


@dataclass(frozen=True)
class Surroundings:
    """Where a user's program runs."""

    directory: Path
    environment: dict[str, str]

    def run(self, *command: str) -> CompletedProcess[str]:
        """Run a program to its end, both streams in one."""
        return run(
            command,
            cwd=self.directory,
            env=self.environment,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            timeout=TIME_LIMIT,
        )


@pytest.fixture
def surroundings() -> Iterator[Surroundings]:
    """A fresh place; every agent that was started in it is stopped at the end."""
    directory = Path(tempfile.mkdtemp(prefix="rb"))  # short, as a socket's path has to be
    (directory / "work").mkdir()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "XDG_DATA_HOME": str(directory / "data"),
    }
    yield Surroundings(directory / "work", environment)
    for lock in directory.rglob("agent.lock"):
        LocalProvider(root=lock.parent).agent.stop(force=True)
    shutil.rmtree(directory)
