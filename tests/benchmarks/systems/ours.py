"""remotebatch's Local provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noop import noop

from remotebatch import SubmissionEnvironment


class Ours:
    """An environment whose root is a directory of its own."""

    def __init__(self, environment: SubmissionEnvironment) -> None:
        self._environment = environment

    def call(self, element: int) -> int:
        value: int = self._environment.submit(noop, element).result()
        return value

    def map(self, count: int) -> list[int]:
        return self._environment.map_submit(noop, range(count)).results()


@contextmanager
def environment(directory: str, cpus: int) -> Iterator[SubmissionEnvironment]:
    """An environment with a fresh root in that directory; its agent is stopped at the end."""
    local = SubmissionEnvironment("Local", root=f"{directory}/root", slots=cpus)
    try:
        yield local
    finally:
        stop(local)


@contextmanager
def started(directory: str, cpus: int) -> Iterator[Ours]:
    with environment(directory, cpus) as local:
        yield Ours(local)


def agent_pid(local: SubmissionEnvironment) -> int:
    """Process id of the environment's agent."""
    return int(local._client.provider.agent.call("status")["pid"])  # type: ignore[attr-defined]


def stop(local: SubmissionEnvironment) -> None:
    """Stop the environment's agent, if it runs, with its tasks."""
    local._client.provider.agent.call_if_running("stop", force=True)  # type: ignore[attr-defined]


def stop_all(directory: Path) -> None:
    """Stop the agents whose roots lie in subdirectories of that one."""
    for root in directory.glob("*/root"):
        stop(SubmissionEnvironment("Local", root=root))
