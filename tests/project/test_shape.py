"""The shape of the sources: no import circles, and no long files without a reason."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 400
REASON = "over 400 lines"
"""A longer file gives the reason in its first lines, with these words."""
GENERATED = (".lock", "package-lock.json")
PACKAGES = (
    "azurebatch_emulator",
    "remotebatch",
    "remotebatch_azurebatch",
    "remotebatch_execution",
    "remotebatch_images",
    "remotebatch_kernel",
    "remotebatch_local",
)
BETWEEN_ROOMS_ONLY = frozenset({"remotebatch"})
"""Within its room ``jobs``, job objects and the interface of their environment name each other's types."""


def test_no_file_is_long_without_a_reason() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    unexplained = []
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if name.endswith((*GENERATED, ".png")) or not path.is_file():
            continue
        lines = path.read_text().splitlines()
        if len(lines) > LIMIT and REASON not in "\n".join(lines[:12]).lower():
            unexplained.append(f"{name}: {len(lines)}")
    assert unexplained == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_circle(package: str) -> None:
    graph = grimp.build_graph(package, exclude_type_checking_imports=False)
    rooms_only = package in BETWEEN_ROOMS_ONLY
    edges: dict[str, set[str]] = {}
    for module in graph.modules:
        node = _room(module) if rooms_only else module
        for imported in graph.find_modules_directly_imported_by(module):
            other = _room(imported) if rooms_only else imported
            edges.setdefault(other, set())
            if other != node:
                edges.setdefault(node, set()).add(other)
    assert _circle(edges) is None


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _circle(edges: dict[str, set[str]]) -> list[str] | None:
    """Remove what imports nothing that is left, repeatedly: what stays are circles and their users."""
    left = {node: set(imported) for node, imported in edges.items()}
    while free := [node for node, imported in left.items() if not imported]:
        for node in free:
            del left[node]
        for imported in left.values():
            imported.difference_update(free)
    return sorted(left) or None


def test_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "docs" / "pages" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:remotebatch|providers|container|tests|docs)/[\w./-]*[\w/])`", text))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
