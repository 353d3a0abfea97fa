"""Passwords of container registries."""

from __future__ import annotations

import json

from tests.support.machine import Machine

PASSWORD = "correct horse"
READ = """
from remotebatch import ProviderError
from remotebatch_azurebatch.accounts.credentials import registry_password
for server, user in [("Name.azurecr.io", "me"), ("other.io:5000", "you")]:
    try:
        print("reversed:", registry_password(server, user)[::-1])
    except ProviderError as error:
        print(error)
"""


def test_saved_read_and_removed(desktop: Machine, variables: dict[str, str]) -> None:
    desktop.secrets.append(PASSWORD)
    for server, user in [("name.azurecr.io", "me"), ("Other.io:5000", "you")]:
        saved = desktop.remotebatch("login", "registry", server, "--user", user, stdin=f"{PASSWORD}\n")
        assert saved.output.startswith(f"Saved in the keyring: {user} at {server.lower()}. ")
    assert read(desktop) == [f"reversed: {PASSWORD[::-1]}"] * 2

    desktop.set(variables)
    shown = json.loads(desktop.remotebatch("whoami", "--json").output)
    assert shown["registries"] == [
        {"server": "name.azurecr.io", "user": "me"},
        {"server": "other.io:5000", "user": "you"},
    ]
    gone = desktop.remotebatch("logout", "registry", "name.azurecr.io")
    assert gone.output == "Removed from the keyring: me at name.azurecr.io.\n"
    assert read(desktop) == [
        "no password is saved for 'me' at name.azurecr.io; "
        "save one: remotebatch login registry name.azurecr.io --user me",
        f"reversed: {PASSWORD[::-1]}",
    ]
    assert desktop.remotebatch("logout").output == "Removed from the keyring.\n"


def test_the_prompt_is_hidden(desktop: Machine) -> None:
    desktop.secrets.append(PASSWORD)
    with desktop.terminal("-m", "remotebatch.cli", "login", "registry", "r.io", "--user", "me") as terminal:
        terminal.answer("Password:", PASSWORD)
        terminal.expect("Saved in the keyring: me at r.io.")
        assert terminal.end() == 0


def test_what_cannot_be_a_registry(desktop: Machine) -> None:
    refused = desktop.remotebatch("login", "registry", "name.azurecr.io/image", "--user", "me", stdin="p\n")
    assert "expected a host, such as name.azurecr.io" in refused.errors
    refused = desktop.remotebatch("login", "registry", "name.azurecr.io", "--user", "me", stdin="")
    assert "must not be empty" in refused.errors


def read(machine: Machine) -> list[str]:
    return machine.run([machine.python, "-c", READ]).output.splitlines()
