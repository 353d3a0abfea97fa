"""Importing any module of these packages reads code and does nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import remotebatch_execution
import remotebatch_kernel
import remotebatch_local

IMPORT_EACH = """
import importlib, os, sys

opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if event == "open" else None)
before = os.listdir("/proc/self/fd")
for name in sys.argv[1:]:
    importlib.import_module(name)
assert len(os.listdir("/proc/self/fd")) == len(before), "a descriptor is left open"
assert len(os.listdir("/proc/self/task")) == 1, "a thread has been started"
other = [path for path in opened if not str(path).endswith((".py", ".pyc", ".so"))]
assert not other, other
"""


@pytest.mark.parametrize("package", [remotebatch_kernel, remotebatch_execution, remotebatch_local])
def test_opens_nothing_and_starts_nothing(package: object) -> None:
    file = getattr(package, "__file__", None)
    assert file is not None
    root = Path(file).parent
    names = [
        ".".join([root.name, *path.relative_to(root).with_suffix("").parts]).removesuffix(".__init__")
        for path in sorted(root.rglob("*.py"))
        if path.name != "__main__.py"
    ]
    assert len(names) > 5
    done = subprocess.run([sys.executable, "-c", IMPORT_EACH, *names], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
