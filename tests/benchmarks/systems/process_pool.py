"""The standard library's pool: long-lived worker processes, nothing kept of a task but its value."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from noop import noop


class Pool:
    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def call(self, element: int) -> int:
        return self._executor.submit(noop, element).result()

    def map(self, count: int) -> list[int]:
        return list(self._executor.map(noop, range(count)))


@contextmanager
def started(directory: str, cpus: int) -> Iterator[Pool]:
    with ProcessPoolExecutor(cpus) as executor:
        yield Pool(executor)
