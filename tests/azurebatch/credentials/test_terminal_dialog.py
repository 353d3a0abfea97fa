"""The dialog in a real terminal."""

from __future__ import annotations

from azurebatch_emulator import Emulator
from tests.azurebatch.credentials.conftest import WRONG_KEY
from tests.support.machine import FIND, Machine, Terminal

DOWN = "\x1b[B"
FIND_NEW = FIND.format(service_object="new")
FIND_ANY = FIND.format(service_object=None)
IN_A_LOOP = f"""
import asyncio
async def main():
    exec({FIND_ANY!r})
asyncio.run(main())
"""


def answer_batch(terminal: Terminal, emulator: Emulator) -> None:
    terminal.answer("Batch account's endpoint (URL):", emulator.endpoint)
    terminal.answer("Batch account's name:", emulator.account)
    terminal.answer("Batch account's key:", emulator.key)
    terminal.expect("✓ Batch account verified")


def answer_storage(terminal: Terminal, emulator: Emulator) -> None:
    terminal.answer("Storage account's connection string:", emulator.storage_connection_string)
    terminal.expect("✓ Storage account verified")


def test_login_asks_verifies_and_saves(desktop: Machine, emulator: Emulator) -> None:
    with desktop.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.answer("Sign in to Azure with")
        answer_batch(terminal, emulator)
        answer_storage(terminal, emulator)
        terminal.expect("Saved in the keyring.")
        assert terminal.end() == 0
    assert f"keyring {emulator.account}" in desktop.find().output


def test_wrong_answers_are_refused_as_they_come(desktop: Machine, emulator: Emulator) -> None:
    wrong_storage = emulator.storage_connection_string.replace(desktop.secrets[1], WRONG_KEY)
    with desktop.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.answer("Sign in to Azure with")
        terminal.answer("Batch account's endpoint (URL):", "ftp://here")
        terminal.expect("expected a URL such as https://NAME.REGION.batch.azure.com")
        terminal.answer("", "\x15" + emulator.endpoint)  # Ctrl-U empties the line
        terminal.answer("Batch account's name:", emulator.account)
        terminal.answer("Batch account's key:", "not base64")
        terminal.expect("an account's key is base64")
        terminal.answer("", "\x15" + WRONG_KEY)
        terminal.expect("✗ Batch account: the Batch account 'devbatchaccount'")
        terminal.answer("Batch account's endpoint (URL):")  # what was right is still there
        terminal.answer("Batch account's name:")
        terminal.answer("Batch account's key:", emulator.key)
        terminal.expect("✓ Batch account verified")
        terminal.answer("Storage account's connection string:", wrong_storage)
        terminal.expect("✗ Storage account: the storage account 'devstoreaccount1'")
        answer_storage(terminal, emulator)
        assert terminal.end() == 0


def test_an_environment_asks_and_saves(desktop: Machine, emulator: Emulator) -> None:
    with desktop.terminal("-c", IN_A_LOOP) as terminal:
        terminal.answer("Sign in to Azure with")
        answer_batch(terminal, emulator)
        answer_storage(terminal, emulator)
        terminal.expect("Save connection in the keyring?")
        terminal.type("y")
        terminal.expect("Saved in the keyring. 'remotebatch logout' removes it.")
        terminal.expect("dialog devbatchaccount")
        assert terminal.end() == 0
    assert "keyring devbatchaccount" in desktop.find().output


def test_new_asks_though_there_are_credentials(
    desktop: Machine, variables: dict[str, str], emulator: Emulator
) -> None:
    desktop.set(variables)
    with desktop.terminal("-c", FIND_NEW + FIND_ANY + FIND_NEW) as terminal:
        terminal.answer("Sign in to Azure with")
        answer_batch(terminal, emulator)
        answer_storage(terminal, emulator)
        terminal.expect("Save connection in the keyring?")
        terminal.type("n")
        terminal.expect("dialog devbatchaccount")
        terminal.expect("dialog devbatchaccount")  # the next environment takes what was just entered
        terminal.expect("Sign in to Azure with")
        terminal.type("\x03")
        terminal.expect("KeyboardInterrupt")
        assert terminal.end() == 130
    desktop.unset(*variables)
    assert desktop.find().code == 1  # as it was not to be saved


def test_a_keyring_that_does_not_open_is_no_hindrance(server: Machine, emulator: Emulator) -> None:
    with server.terminal("-c", FIND_ANY) as terminal:
        terminal.answer("Sign in to Azure with")
        answer_batch(terminal, emulator)
        answer_storage(terminal, emulator)
        terminal.expect("Save connection in the keyring?")
        terminal.type("y")
        terminal.expect("Not saved: the keyring cannot be written (NoKeyringError")
        terminal.expect("dialog devbatchaccount")
        assert terminal.end() == 0


def test_the_dialog_can_be_left(desktop: Machine) -> None:
    with desktop.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.expect("Sign in to Azure with")
        terminal.type("\x03")
        assert terminal.end() == 130
    with desktop.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.answer("Sign in to Azure with")
        terminal.answer("Batch account's endpoint (URL):", "https://mine.westeurope.batch.azure.com")
        terminal.expect("Batch account's name:")
        terminal.expect("mine\x1b")
        terminal.type("\x15\x04")
        terminal.expect("no credentials were entered: the input has ended")
        assert terminal.end() == 1


def test_entra_is_refused_without_https(desktop: Machine) -> None:
    with desktop.terminal("-m", "remotebatch.cli", "login", "azure") as terminal:
        terminal.answer("Sign in to Azure with", DOWN)
        terminal.answer("Sign in with")
        terminal.answer("Batch account's endpoint (URL):", "http://127.0.0.1:10100")
        terminal.expect("tokens of Microsoft Entra ID are sent over https only")


def test_nobody_to_ask(server: Machine, variables: dict[str, str]) -> None:
    ways = [
        "'remotebatch login azure' in a terminal",
        "AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY, AZURE_BATCH_ENDPOINT, AZURE_STORAGE_CONNECTION_STRING",
        "batch_endpoint=, credential= and storage=",
    ]
    refused = server.find("new")
    assert refused.code == 1
    assert "remotebatch.errors.ProviderError: there are no credentials for Azure" in refused.errors
    assert all(way in refused.errors for way in ways)
    server.set({"AZURE_STORAGE_CONNECTION_STRING": variables["AZURE_STORAGE_CONNECTION_STRING"]})
    partly = server.find()
    assert "(not set: AZURE_BATCH_ACCOUNT, AZURE_BATCH_ACCESS_KEY, AZURE_BATCH_ENDPOINT)" in partly.errors
    assert "NoKeyringError" in partly.errors


def test_login_without_a_terminal(desktop: Machine) -> None:
    assert "there is no terminal to ask" in desktop.remotebatch("login", "azure").errors
    refused = desktop.remotebatch("login", "azure", "--from-environment")
    assert "these environment variables are not set: AZURE_BATCH_ACCOUNT, " in refused.errors
