"""The locks fit what the project asks for."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from azurebatch_emulator.process import azurite

tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / "requirements.lock", *sorted((ROOT / "tests" / "services" / "locks").glob("*.lock"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
ASKED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(text for extra in PROJECT["project"]["optional-dependencies"].values() for text in extra),
    *(text for group in PROJECT["dependency-groups"].values() for text in group if isinstance(text, str)),
]


def pins(lock: Path, python: str) -> dict[str, str]:
    """Name → version of what a lock installs with a Python."""
    environment = cast(dict[str, str], default_environment())
    environment |= {"python_version": python, "python_full_version": f"{python}.5"}
    found = {}
    for line in lock.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(environment):
                (specifier,) = requirement.specifier
                assert specifier.operator == "=="
                found[requirement.name.lower()] = specifier.version
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_has_what_the_project_asks_for(python: str) -> None:
    locked = pins(ROOT / "requirements.lock", python)
    for text in ASKED:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[requirement.name.lower()]), f"{text}: run make lock"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_locks_name_no_place(lock: Path) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links", lock.read_text())


def test_azurite_of_the_tests_is_the_emulators() -> None:
    lock = json.loads((ROOT / "tests" / "services" / "azurite" / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/azurite"]["version"] == azurite.VERSION
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
