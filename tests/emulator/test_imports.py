"""Importing a module of the emulator opens no descriptor, starts no thread and reads no file beyond code."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from typing import TypedDict

import pytest

import azurebatch_emulator

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(azurebatch_emulator.__path__, "azurebatch_emulator.")
)
PROGRAM = """
import importlib, json, os, sys, threading

CODE = (".py", ".pyc", ".so")
OURS = ("azurebatch_emulator", "remotebatch", "remotebatch_execution", "remotebatch_kernel")
read = []

def note(event, arguments):
    if event != "open" or not isinstance(arguments[0], (str, bytes)):
        return
    path = os.fsdecode(arguments[0])
    frame = sys._getframe(1)
    while frame is not None and "importlib" not in frame.f_code.co_filename:
        if frame.f_globals.get("__name__", "").partition(".")[0] in OURS and not path.endswith(CODE):
            read.append(f"{path}, opened by {frame.f_code.co_filename}:{frame.f_lineno}")
            return
        frame = frame.f_back

def descriptors():
    return {name: os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{name}")}

import remotebatch, remotebatch_execution, remotebatch_kernel  # each has such a test of its own
sys.addaudithook(note)
found = {}
for name in json.loads(sys.argv[1]):
    read.clear()
    before = descriptors()
    importlib.import_module(name)
    opened = {path for number, path in descriptors().items() if number not in before}
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    found[name] = {"files": list(read), "descriptors": sorted(opened), "threads": threads}
print(json.dumps(found))
"""


class Effects(TypedDict):
    """What the import of a module has done beside running its code."""

    files: list[str]
    descriptors: list[str]
    threads: list[str]


@pytest.fixture(scope="module")
def effects() -> dict[str, Effects]:
    """The effects of each import, one after another in one process."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(MODULES)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    found: dict[str, Effects] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("module", MODULES)
def test_import_runs_code_alone(effects: dict[str, Effects], module: str) -> None:
    assert effects[module] == {"files": [], "descriptors": [], "threads": []}
