"""Providers and commands, found through entry points; what to install where one cannot be loaded."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch.provider.base import Provider

PROVIDERS = "remotebatch.providers"
"""Entry-point group of the providers: each names a subclass of :class:`~remotebatch.provider.Provider`."""
COMMANDS = "remotebatch.commands"
"""Entry-point group of the commands that providers add: each names a click command."""


def points(group: str) -> list[EntryPoint]:
    """All entry points of a group, by name."""
    return sorted(entry_points(group=group), key=lambda point: point.name)


def find(group: str, name: str) -> EntryPoint | None:
    """The entry point of that name, if there is one."""
    return next((point for point in points(group) if point.name == name), None)


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


def provider_names() -> list[str]:
    """Names of the installed providers."""
    return sorted(point.name for point in points(PROVIDERS))


def provider_class(name: str) -> type[Provider]:
    """Find an installed provider by its name.

    :raises InvalidSetting: naming the installed ones.
    :raises ProviderError: saying what to install, if a package that it needs is missing.
    """
    point = find(PROVIDERS, name)
    if point is None:
        raise InvalidSetting(
            f"no provider {name!r} is installed; installed are: {', '.join(provider_names())}"
        )
    found: type[Provider] = load(point)
    return found
