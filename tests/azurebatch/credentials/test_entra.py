"""Microsoft Entra ID, over HTTPS, with azure-identity and a managed identity."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from azurebatch_emulator import Emulator
from azurebatch_emulator.process.certificate import certificate_in
from azurebatch_emulator.process.directory import DataDirectory
from tests.support.emulator import MakeEmulator
from tests.support.identity import SECRET_HEADER, managed_identity
from tests.support.machine import Machine, Terminal

DOWN = "\x1b[B"
SECRET = "client secret"


@pytest.fixture(scope="module")
def emulator(make_emulator: MakeEmulator) -> Emulator:
    """One that takes tokens."""
    return make_emulator(https=True, own_storage=True)


@pytest.fixture
def storage_url(emulator: Emulator) -> str:
    return emulator.storage_connection_string.partition("BlobEndpoint=")[2].partition(";")[0].rstrip("/")


@pytest.fixture
def machine(desktop: Machine, emulator: Emulator) -> Iterator[Machine]:
    """A desktop with a managed identity, which trusts the emulator's certificate."""
    desktop.set(certificate_in(DataDirectory(emulator.data).certificate).trust_variables)
    desktop.secrets += [SECRET_HEADER, SECRET]
    with managed_identity() as variables:
        desktop.set(variables)
        yield desktop


def answer_accounts(terminal: Terminal, emulator: Emulator, storage_url: str) -> None:
    terminal.answer("Batch account's endpoint (URL):", emulator.endpoint)
    terminal.answer("Storage account's blob endpoint (URL):", storage_url)


def test_what_the_machine_has(machine: Machine, emulator: Emulator, storage_url: str) -> None:
    with machine.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.answer("Sign in to Azure with", DOWN)
        terminal.answer("Sign in with")
        answer_accounts(terminal, emulator, storage_url)
        terminal.expect("✓ Batch account verified")
        terminal.expect("✓ Storage account verified")
        assert terminal.end() == 0
    shown = json.loads(machine.remotebatch("whoami", "--json").output)
    assert shown["credentials"] == "Microsoft Entra ID (DefaultAzureCredential)"
    assert shown["batch"] == {
        "account": "127.0.0.1",
        "url": emulator.endpoint,
        "verified": True,
        "problem": None,
    }
    assert shown["storage"]["account"] == "devstoreaccount1"
    assert shown["storage"]["verified"] is True


def test_an_application_that_cannot_sign_in(machine: Machine, emulator: Emulator, storage_url: str) -> None:
    machine.set({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"})  # there is no way to Entra ID
    with machine.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.answer("Sign in to Azure with", DOWN)
        terminal.answer("Sign in with", DOWN)
        terminal.answer("Tenant id:", "contoso.example")
        terminal.answer("Client id:", "ab1f708d-50f6-404c-a006-d71b2ac7a606")
        terminal.answer("Client secret:", SECRET)
        answer_accounts(terminal, emulator, storage_url)
        terminal.expect("✗ Batch account: ")
        terminal.expect("Microsoft Entra ID gave no token")
        terminal.expect("was not verified, as there is no token")
        terminal.answer("Sign in with")  # by now with what the machine has
        terminal.answer("Batch account's endpoint (URL):")
        terminal.answer("Storage account's blob endpoint (URL):")
        terminal.expect("Saved in the keyring.")
        assert terminal.end() == 0
