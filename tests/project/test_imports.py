"""Importing any module of ours opens no descriptor, starts no thread and reads no file except code.

A kernel preloads what tasks import, and can fork only while it has one thread and no foreign descriptor.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    directory
    for parent in (ROOT, ROOT / "providers", ROOT / "container")
    for directory in parent.iterdir()
    if (directory / "py.typed").is_file()
)
PROBE = Path(__file__).with_name("import_probe.py")


def modules(package: Path) -> list[str]:
    """Every module of a package, by its files; programs are not imported."""
    found = []
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package.parent).with_suffix("").parts
        if parts[-1] != "__main__":
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


@functools.cache
def findings(package: Path) -> dict[str, list[str]]:
    """Module → what importing it did, each imported after the others of its package."""
    roots = ",".join(each.name for each in PACKAGES)
    done = subprocess.run(
        [sys.executable, str(PROBE), roots, *modules(package)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("package", "module"),
    [pytest.param(package, module, id=module) for package in PACKAGES for module in modules(package)],
)
def test_importing_does_nothing_else(package: Path, module: str) -> None:
    assert findings(package).get(module, []) == []
