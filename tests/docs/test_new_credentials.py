"""The dialog that the page of Wolfram's names shows, in a real terminal, though credentials are saved."""

from __future__ import annotations

import re
from pathlib import Path

from azurebatch_emulator import Emulator
from tests.azurebatch.conftest import variables
from tests.support.machine import Machine, keyring_of

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "wolfram.md"
SESSION = re.compile(r"^### \"New\" credentials\n.*?^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_new_credentials_are_asked_for_as_the_page_shows(account: Emulator, tmp_path: Path) -> None:
    (session,) = SESSION.findall(PAGE.read_text())
    typed = [line.removeprefix(">>> ") for line in session.splitlines() if line.startswith(">>> ")]
    shown = [line for line in session.splitlines() if line.startswith(("? ", "✓ "))]
    answers = {
        "Sign in to Azure with": "",
        "Batch account's endpoint (URL)": account.endpoint,
        "Batch account's name": account.account,
        "Batch account's key": account.key,
        "Storage account's connection string": account.storage_connection_string,
        "Save connection in the keyring?": "n",
    }
    told = variables(account)
    del told["PYTHON_KEYRING_BACKEND"]
    machine = Machine(tmp_path, [account.key], told)
    with keyring_of(machine):
        assert machine.remotebatch("login", "azure", "--from-environment").code == 0
        with machine.terminal("-c", "\n".join(typed)) as terminal:
            for line in shown:
                if line.startswith("✓ "):
                    terminal.expect(line)
                else:
                    (question,) = [each for each in answers if line.startswith(f"? {each}")]
                    terminal.answer(question, answers.pop(question))
            assert terminal.end() == 0
    assert not answers
