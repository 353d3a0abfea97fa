"""submitit's LocalExecutor: a fresh interpreter for each task, with streams and result in files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import submitit
from noop import noop


class Submitit:
    def __init__(self, directory: str) -> None:
        self._executor = submitit.LocalExecutor(folder=f"{directory}/submitit")
        self._executor.update_parameters(timeout_min=5)

    def call(self, element: int) -> int:
        value: int = self._executor.submit(noop, element).result()
        return value

    def map(self, count: int) -> list[int]:
        return [job.result() for job in self._executor.map_array(noop, range(count))]


@contextmanager
def started(directory: str, cpus: int) -> Iterator[Submitit]:
    yield Submitit(directory)
