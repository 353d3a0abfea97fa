"""Importing the packages opens no descriptor, starts no thread and reads no file beyond code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import importlib, json, os, pkgutil, sys, threading

package = sys.argv[1]

def load():
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, package + "."):
        importlib.import_module(found.name)

load()  # with all that others provide
ours = [name for name in sys.modules if name.partition(".")[0] == package]
for name in ours:
    del sys.modules[name]
before, read = set(os.listdir("/proc/self/fd")), []
sys.addaudithook(lambda event, args: read.append(str(args[0])) if event == "open" else None)
load()
print(json.dumps({
    "modules": len(ours),
    "descriptors": len(set(os.listdir("/proc/self/fd")) - before),
    "threads": [thread.name for thread in threading.enumerate()],
    "read": [path for path in read if not path.endswith((".py", ".pyc"))],
}))
"""


@pytest.mark.parametrize("package", ["remotebatch_azurebatch", "remotebatch_images"])
def test_importing_does_nothing_but_load_code(package: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, package], capture_output=True, text=True, check=True
    )
    found = json.loads(ended.stdout)
    assert found.pop("modules") > 5
    assert found == {"descriptors": 0, "threads": ["MainThread"], "read": []}
