"""Parsl's HighThroughputExecutor without encryption between its processes, all on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from systems import parsl_htex


@contextmanager
def started(directory: str, cpus: int) -> Iterator[parsl_htex.Parsl]:
    with parsl_htex.started(directory, cpus, encrypted=False) as running:
        yield running
