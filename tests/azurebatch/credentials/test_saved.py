"""What is saved in the keyring: found by other processes, shown without its secrets, removed."""

from __future__ import annotations

import json

from azurebatch_emulator import Emulator
from tests.azurebatch.credentials.conftest import WRONG_KEY
from tests.support.machine import Machine


def test_saved_once_found_ever_after(desktop: Machine, variables: dict[str, str], emulator: Emulator) -> None:
    desktop.set(variables)
    saved = desktop.remotebatch("login", "azure", "--from-environment")
    assert (saved.code, saved.output, saved.errors) == (0, "Saved in the keyring.\n", "")
    desktop.unset(*variables)

    found = desktop.find()
    assert f"keyring {emulator.account} {emulator.endpoint} http" in found.output
    shown = desktop.remotebatch("whoami", "--json")
    assert shown.code == 0
    assert json.loads(shown.output) == {
        "credentials": "account keys",
        "origin": "keyring",
        "batch": {
            "account": emulator.account,
            "url": emulator.endpoint,
            "verified": True,
            "problem": None,
        },
        "storage": {
            "account": "devstoreaccount1",
            "url": found.output.split()[-1],
            "verified": True,
            "problem": None,
        },
        "registries": [],
    }

    assert desktop.remotebatch("logout").output == "Removed from the keyring.\n"
    assert desktop.remotebatch("logout").output == "Nothing was saved.\n"
    gone = desktop.remotebatch("whoami")
    assert gone.code == 1
    assert "there are no credentials for Azure. Save them once with 'remotebatch login azure'" in gone.errors


def test_what_is_saved_comes_before_the_variables(desktop: Machine, variables: dict[str, str]) -> None:
    desktop.set(variables)
    desktop.remotebatch("login", "azure", "--from-environment")
    desktop.set({"AZURE_BATCH_ACCOUNT": "another", "AZURE_BATCH_ACCESS_KEY": WRONG_KEY})
    assert "keyring devbatchaccount" in desktop.find().output
    desktop.remotebatch("logout", "azure")
    assert "environment another" in desktop.find().output


def test_nothing_is_saved_unless_both_accounts_let_us_in(desktop: Machine, variables: dict[str, str]) -> None:
    desktop.set(variables | {"AZURE_BATCH_ACCESS_KEY": WRONG_KEY})
    refused = desktop.remotebatch("login", "azure", "--from-environment")
    assert refused.code == 1
    assert "the Batch account 'devbatchaccount' at http" in refused.errors
    assert "AuthenticationFailed" in refused.errors
    assert "storage" not in refused.errors
    desktop.unset(*variables)
    assert desktop.find().code == 1


def test_an_item_of_another_version(desktop: Machine) -> None:
    write = "import keyring; keyring.set_password('remotebatch', 'azure', '{\"kind\": \"stamp\"}')"
    desktop.run([desktop.python, "-c", write])
    refused = desktop.remotebatch("whoami")
    assert refused.code == 1
    assert "the keyring holds something for remotebatch that this version did not save" in refused.errors
    assert desktop.remotebatch("logout").output == "Removed from the keyring.\n"
