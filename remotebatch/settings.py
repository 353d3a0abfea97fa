"""Settings of a job."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from types import ModuleType
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from remotebatch.input_files import check_text, expand

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
    """Files put in each task's working directory: name → bytes, or path of a file, a folder or a pattern."""
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
    include: list[Annotated[Any, Meta(description="a module's name or a path")]] = []
    """Further modules, by name, and files and folders, by path, that travel with the function's modules."""
    exclude: list[Annotated[str, Meta(min_length=1)]] = []
    """Patterns of files and folders that do not travel with them."""

    def __post_init__(self) -> None:
        if isinstance(self.time_constraint, timedelta) and self.time_constraint <= timedelta(0):
            raise ValueError(f"time_constraint={self.time_constraint!r}: must be longer than nothing")
        for variable in self.environment:
            if not _VARIABLE_NAME.fullmatch(variable):
                raise ValueError(f"environment: {variable!r} is not a name for a variable")
            check_text("environment", self.environment[variable], f"the value of {variable!r}")
            if variable.startswith("REMOTEBATCH_"):
                raise ValueError(f"environment: {variable!r}: names with REMOTEBATCH_ are set by remotebatch")
        check_text("name", self.name or "", "it")
        expand(self.input_files)
        _check_code(self)

    @property
    def time_limit(self) -> float | None:
        """The time constraint in seconds; None for none."""
        given = self.time_constraint
        return given.total_seconds() if isinstance(given, timedelta) else given


def _check_code(settings: JobSettings) -> None:
    """Check what is said of the code that travels; that it is there is seen when it is packed."""
    for entry in settings.include:
        if isinstance(entry, ModuleType):
            raise ValueError(f"include: give the module's name, {entry.__name__!r}")
        if not isinstance(entry, (str, os.PathLike)) or not isinstance(os.fspath(entry), str):
            raise ValueError(f"include: {entry!r} is neither a module's name nor a path")
    for setting in ("include", "exclude"):
        for entry in map(os.fspath, getattr(settings, setting)):
            check_text(setting, entry, repr(entry))
            if not entry.strip("./") and (setting == "exclude" or not entry):
                raise ValueError(f"{setting}: {entry!r} names nothing")
    if settings.include and not settings.include_definitions:
        raise ValueError("include: include_definitions=False sends no code, so there is nothing to add to")
