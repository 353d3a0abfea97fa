"""Users with and without a keyring, and credentials of the emulator."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from azurebatch_emulator import Emulator
from tests.support.emulator import MakeEmulator
from tests.support.machine import Machine, keyring_of

WRONG_KEY = base64.b64encode(b"the key of another account").decode()


@pytest.fixture(scope="module")
def emulator(share_emulator: MakeEmulator) -> Emulator:
    """One for all: nothing is run here."""
    return share_emulator()


@pytest.fixture
def variables(emulator: Emulator) -> dict[str, str]:
    """The variables that hold the emulator's credentials."""
    return {
        "AZURE_BATCH_ACCOUNT": emulator.account,
        "AZURE_BATCH_ACCESS_KEY": emulator.key,
        "AZURE_BATCH_ENDPOINT": emulator.endpoint,
        "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
    }


@pytest.fixture
def secrets(emulator: Emulator) -> list[str]:
    """What must not be shown: the keys of both accounts, right and wrong."""
    storage = emulator.storage_connection_string.partition("AccountKey=")[2].partition(";")[0]
    return [emulator.key, storage, WRONG_KEY]


@pytest.fixture
def server(tmp_path: Path, secrets: list[str]) -> Machine:
    """A machine without a keyring."""
    return Machine(tmp_path, secrets)


@pytest.fixture
def desktop(tmp_path: Path, secrets: list[str]) -> Iterator[Machine]:
    """A machine with a keyring, unlocked."""
    machine = Machine(tmp_path, secrets)
    with keyring_of(machine):
        yield machine
