"""What all tests share: a Local provider under a root of its own, and the markers of services."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest

from remotebatch import SubmissionEnvironment
from remotebatch_local import LocalProvider
from tests.support import services

# a shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a service, so that ``-m "not docker"`` leaves it out."""
    for item in items:
        services.mark(item)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test is skipped for want of a service: it fails."""
    services.require(item)


def stop_agent(root: str) -> None:
    """End the agent of a root, if there is one, and wait until it is gone."""
    LocalProvider(root=root).agent.stop(force=True)


@pytest.fixture
def root() -> Iterator[str]:
    """A short root directory; its agent is stopped at the end."""
    directory = tempfile.mkdtemp(prefix="rb")
    yield directory
    stop_agent(directory)
    shutil.rmtree(directory)


@pytest.fixture
def env(root: str) -> Iterator[SubmissionEnvironment]:
    """A Local environment with two slots."""
    with SubmissionEnvironment("Local", root=root, slots=2) as environment:
        yield environment


@pytest.fixture(scope="session")
def matching_image() -> str:
    """A container image with our minor version of Python and nothing else."""
    return f"remotebatch-test/python:{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="session")
def other_image() -> str:
    """A container image with another minor version of Python."""
    return f"remotebatch-test/python:{'3.11' if sys.version_info[:2] != (3, 11) else '3.13'}"
