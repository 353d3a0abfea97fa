"""Parsl's HighThroughputExecutor: long-lived worker processes, nothing kept of a task but its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import parsl
from noop import noop
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider


class Parsl:
    def __init__(self, app: Callable[[int], Future[int]]) -> None:
        self._app = app

    def call(self, element: int) -> int:
        return self._app(element).result()

    def map(self, count: int) -> list[int]:
        return [future.result() for future in [self._app(element) for element in range(count)]]


@contextmanager
def started(directory: str, cpus: int, encrypted: bool = True) -> Iterator[Parsl]:
    """Encrypted, even within a machine, is Parsl's default."""
    executor = HighThroughputExecutor(
        address="127.0.0.1",
        max_workers_per_node=cpus,
        encrypted=encrypted,
        provider=LocalProvider(init_blocks=1, max_blocks=1),
    )
    config = Config(
        executors=[executor], run_dir=f"{directory}/runinfo", strategy="none", initialize_logging=False
    )
    with parsl.load(config):
        yield Parsl(parsl.python_app(noop))
