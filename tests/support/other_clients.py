"""Clients in virtual environments of their own, which tests/services/azure_clients.sh makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["environment"]


def environment(name: str) -> Path:
    """The programs of an environment. Where it was not made, tests are skipped, save on CI."""
    state = Path(os.environ.get("REMOTEBATCH_TEST_STATE", "/var/tmp/remotebatch-tests"))
    if not (state / name / "wanted").exists():
        reason = f"{state / name} is missing; tests/services/azure_clients.sh start makes it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return state / name / "bin"
