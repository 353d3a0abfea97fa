"""The services that tests need: which test needs which, whether it is there, and what starts it."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import docker
import pytest


@dataclass(frozen=True)
class Service:
    """A service that a marker of pytest names."""

    marker: str
    description: str
    fixtures: frozenset[str]
    """Every test that uses one of these gets the marker."""
    is_there: Callable[[], bool]

    @property
    def command(self) -> str:
        """What starts or installs it."""
        return f"tests/services/{self.marker}.sh start"

    @property
    def missing(self) -> str:
        """Why a test cannot run."""
        return (
            f"this test needs {self.description}: run {self.command}, "
            f"or leave such tests out with -m 'not {self.marker}'"
        )


def _has_engine() -> bool:
    try:
        client = docker.from_env()
    except docker.errors.DockerException:  # it asks the engine for its version at once
        return False
    client.close()
    return True


def _has_azurite() -> bool:
    return shutil.which("azurite") is not None or shutil.which("node") is not None


def _has_keyring() -> bool:
    return all(shutil.which(program) for program in ("dbus-daemon", "gnome-keyring-daemon"))


SERVICES = (
    Service(
        "docker",
        "a running Docker Engine",
        frozenset({"matching_image", "other_image", "own_image"}),
        functools.cache(_has_engine),
    ),
    Service("azurite", "Azurite", frozenset({"azurite", "account"}), functools.cache(_has_azurite)),
    Service("keyring", "GNOME's keyring", frozenset({"desktop"}), functools.cache(_has_keyring)),
)


def mark(item: pytest.Item) -> None:
    """Put the markers of the services on a test that uses their fixtures."""
    used = set(getattr(item, "fixturenames", ()))
    for service in SERVICES:
        if used & service.fixtures:
            item.add_marker(service.marker)


def require(item: pytest.Item) -> None:
    """Fail a test, in words, whose service is not there."""
    for service in SERVICES:
        if item.get_closest_marker(service.marker) is not None and not service.is_there():
            pytest.fail(service.missing, pytrace=False)
