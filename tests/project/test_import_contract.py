"""The import contract holds, and a breach of it is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EMULATOR = "The rooms of the local Azure Batch service"
PACKAGES = "Providers and the emulator know the library, and not each other"
SOURCES = {"remotebatch": ".", "providers": "providers", "container": "container"}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contract of a tree, in place of the installed one."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(root / path) for path in SOURCES.values())},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contract_holds(tree: Path) -> None:
    checked = lint_imports(tree)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("providers/azurebatch_emulator/state/task.py", "from azurebatch_emulator import web", EMULATOR),
        (
            "providers/azurebatch_emulator/state/task.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from azurebatch_emulator import web",
            EMULATOR,
        ),
        (
            "providers/azurebatch_emulator/state/task.py",
            "from remotebatch_azurebatch.batch import parts",
            PACKAGES,
        ),
        ("remotebatch/errors.py", "from remotebatch import jobs", "The rooms of remotebatch"),
        ("remotebatch/provider/base.py", "import remotebatch_local", PACKAGES),
        (
            "container/remotebatch_kernel/pickling.py",
            "import msgspec",
            "The kernel needs nothing but the standard library and cloudpickle",
        ),
    ],
)
def test_a_breach_is_found(tree: Path, module: str, statement: str, contract: str) -> None:
    source = tree / module
    text = source.read_text()
    place = text.index("from __future__ import annotations\n") + len("from __future__ import annotations\n")
    source.write_text(f"{text[:place]}{statement}\n{text[place:]}")
    checked = lint_imports(tree)
    assert checked.returncode == 1, checked.stdout
    assert f"{contract} BROKEN" in checked.stdout
