"""Settings of a job."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that every provider understands. A provider adds its own in a subclass."""

    vcpu_count: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """vCPUs, and so task slots, that each task occupies."""
    job_priority: Annotated[float, Meta(ge=-1, le=1)] = 0.0
    """From -1 (last) to +1 (first) among the jobs of a pool."""
    container_image: Annotated[str, Meta(min_length=1)] | None = None
    """Image to run each task in; None for the provider's default."""
    time_constraint: Annotated[float, Meta(gt=0)] | timedelta | None = None
    """Longest run of a task, in seconds or as a timedelta."""
    max_retries: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """How often a failed task is run again before it counts as failed."""
    input_files: dict[str, Any] = {}
    """Files put in each task's working directory: name → path or bytes."""
    environment: dict[str, str] = {}
    """Environment variables for the tasks."""
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """Name of the job; by default the function's."""
    gpu_count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """GPUs for each task."""
    include_definitions: bool = True
    """Whether the user's own, uninstalled modules travel with the function."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    """What each element's random numbers are made of; None to draw one at submission."""

    def __post_init__(self) -> None:
        if isinstance(self.time_constraint, timedelta) and self.time_constraint <= timedelta(0):
            raise ValueError(f"time_constraint={self.time_constraint!r}: must be longer than nothing")
        for variable in self.environment:
            if not _VARIABLE_NAME.fullmatch(variable):
                raise ValueError(f"environment: {variable!r} is not a name for a variable")
            _check_text("environment", self.environment[variable], f"the value of {variable!r}")
            if variable.startswith("REMOTEBATCH_"):
                raise ValueError(f"environment: {variable!r}: names with REMOTEBATCH_ are set by remotebatch")
        _check_text("name", self.name or "", "it")
        for name, source in self.input_files.items():
            _check_input_file(name, source)
        _check_places(self.input_files)

    @property
    def time_limit(self) -> float | None:
        """The time constraint in seconds; None for none."""
        given = self.time_constraint
        return given.total_seconds() if isinstance(given, timedelta) else given


def _check_text(setting: str, text: str, what: str) -> None:
    """Refuse what no environment variable and no file name can hold."""
    if "\0" in text or (not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise ValueError(f"{setting}: {what} has a null character or half a surrogate pair in it")


def _check_places(input_files: Mapping[str, Any]) -> None:
    """Refuse files that cannot all be there: two of one name, or one where another has a directory."""
    places: dict[Path, str] = {}
    for name in input_files:
        if Path(name) in places:
            raise ValueError(f"input_files: {places[Path(name)]!r} and {name!r} are the same place")
        places[Path(name)] = name
    for path, name in places.items():
        for parent in path.parents:
            if parent in places:
                raise ValueError(f"input_files: {places[parent]!r} is a file, so {name!r} cannot lie in it")


def _check_input_file(name: str, source: Any) -> None:
    _check_text("input_files", name, f"{name!r}")
    path = Path(name)
    if path.parts[:1] == ("JobOutput",):
        raise ValueError(f"input_files: {name!r} lies in JobOutput, which is for what the task writes")
    if not name or path.is_absolute() or ".." in path.parts or path == Path("."):
        raise ValueError(
            f"input_files: {name!r} must be a relative path that stays inside the working directory"
        )
    if isinstance(source, bytes):
        return
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f"input_files: {name!r} is a {type(source).__name__}; give a path or bytes")
    if not Path(source).is_file():
        found = "is a directory; name its files one by one" if Path(source).is_dir() else "does not exist"
        raise ValueError(f"input_files: {name!r}: {os.fspath(source)!r} {found}")
