"""Resource files that a task's working directory has, or cannot have."""

from __future__ import annotations

import os

import pytest

from azurebatch_emulator.execution.resource_files import fetch
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.files import ResourceFile

__all__ = ["failure_of", "files"]


def files(directory: str) -> dict[str, bytes]:
    """The content of all files of a directory, by their paths in it."""
    found = {}
    for parent, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                found[os.path.relpath(file.name, directory)] = file.read()
    return found


def failure_of(resource_file: ResourceFile, wd: str, storage: Storage) -> TaskFailure:
    """How a task fails whose resource file cannot be had."""
    with pytest.raises(TaskFailure) as caught:
        fetch([resource_file], wd, storage)
    assert "sig=REDACTED" in str(caught.value) or "sig=" not in str(caught.value)
    return caught.value
