"""A storage account and a Batch account on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient

from azurebatch_emulator import Emulator
from azurebatch_emulator.process.addresses import free_ports
from azurebatch_emulator.process.azurite import Azurite
from tests.support.batch import Gate, connect


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of an Azurite that all tests share."""
    with Azurite(str(tmp_path_factory.mktemp("azurite")), free_ports(3)) as azurite:
        yield azurite.connection_string


@pytest.fixture(scope="module")
def emulator(azurite: str) -> Iterator[Emulator]:
    """An emulator that the tests of a file share, as its storage account is shared by all."""
    with Emulator(storage_connection_string=azurite, faults=True) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def client(emulator: Emulator) -> Iterator[BatchClient]:
    """Microsoft's client of the file's emulator."""
    with connect(emulator) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate that is closed."""
    return Gate(tmp_path / "gate")
