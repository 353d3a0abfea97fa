"""Clients in virtual environments of their own, which tests/services/azure_clients.sh makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["environment"]


def environment(name: str) -> Path:
    """The programs of an environment; a test whose environment was not made fails."""
    state = Path(os.environ.get("REMOTEBATCH_TEST_STATE", "/var/tmp/remotebatch-tests"))
    if not (state / name / "wanted").exists():
        pytest.fail(f"{state / name} is missing; tests/services/azure_clients.sh start makes it")
    return state / name / "bin"
