"""A user's surroundings: an empty directory, a data directory of its own, the programs on the path.

And a Batch account of this machine, for the pages about AzureBatch.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, STDOUT, CompletedProcess, run

import docker
import pytest

from azurebatch_emulator import Emulator
from remotebatch_azurebatch.submission.submitter import default_image
from remotebatch_local import LocalProvider
from tests.azurebatch.conftest import container_pool
from tests.support.batch import connect, wait_for_nodes
from tests.support.emulator import AT_ONCE, MakeEmulator, azurite, make_emulator, share_emulator

__all__ = ["azurite", "make_emulator", "share_emulator"]

TIME_LIMIT = 150
POOLS = ("default", "second")
"""Pools that the pages name."""


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
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",  # not what the tester has saved
    }
    yield Surroundings(directory / "work", environment)
    for lock in directory.rglob("agent.lock"):
        LocalProvider(root=lock.parent).agent.stop(force=True)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def own_image(matching_image: str) -> Iterator[None]:
    """The image that jobs get unless they ask for another, to be had without its registry."""
    name, engine = default_image(), docker.from_env()
    is_there = bool(engine.images.list(name))
    if not is_there:
        engine.images.get(matching_image).tag(name)
    yield
    if not is_there:
        engine.images.remove(name)
    engine.close()


@pytest.fixture(scope="session")
def account(own_image: None, share_emulator: MakeEmulator) -> Emulator:
    """A Batch account with container pools, which all pages share."""
    emulator = share_emulator(timings=AT_ONCE, own_storage=True)
    with connect(emulator) as client:
        for pool in POOLS:
            client.create_pool(container_pool(pool))
        for pool in POOLS:
            wait_for_nodes(client, pool)
    return emulator
