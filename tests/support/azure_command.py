"""``remotebatch azure`` with an emulator's credentials in the variables."""

from __future__ import annotations

from typing import Any

import keyring
import pytest
from click.testing import CliRunner
from keyring.backends.fail import Keyring as NoKeyring

from azurebatch_emulator import Emulator
from remotebatch_azurebatch.commands.azure import azure

__all__ = ["AzureCommand"]


class AzureCommand:
    """Runs ``remotebatch azure`` in this process, which has no keyring meanwhile."""

    def __init__(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        keyring.get_keyring()  # it would look for one later
        no_keyring: Any = NoKeyring
        monkeypatch.setattr(keyring.core, "_keyring_backend", no_keyring())
        monkeypatch.setenv("AZURE_BATCH_ACCOUNT", emulator.account)
        monkeypatch.setenv("AZURE_BATCH_ACCESS_KEY", emulator.key)
        monkeypatch.setenv("AZURE_BATCH_ENDPOINT", emulator.endpoint)
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", emulator.storage_connection_string)

    def __call__(self, *arguments: str, answer: str | None = None, code: int = 0) -> str:
        """Run it, and return what it wrote."""
        ended = CliRunner().invoke(azure, arguments, input=answer, catch_exceptions=False)
        assert ended.exit_code == code, ended.output
        return ended.output
