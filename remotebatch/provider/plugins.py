"""Providers and commands, found through entry points; what to install where one cannot be loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from remotebatch.errors import ProviderError


def find(group: str, name: str) -> EntryPoint | None:
    """The entry point of that name, if there is one."""
    return next((point for point in entry_points(group=group) if point.name == name), None)


def load(point: EntryPoint) -> Any:
    """Import what an entry point names.

    :raises ProviderError: saying what to install, if a package that it needs is missing.
    """
    try:
        return point.load()
    except ModuleNotFoundError as error:
        raise missing(point, error) from error


def missing(point: EntryPoint, error: ModuleNotFoundError) -> ProviderError:
    """The error for a package that is missing; an entry point names the extra that brings it in brackets."""
    package = point.dist.name if point.dist else point.module
    extras = f"[{','.join(point.extras)}]" if point.extras else ""
    return ProviderError(
        f"{point.name} needs the module {error.name!r}, which is not installed: "
        f"pip install '{package}{extras}'"
    )
