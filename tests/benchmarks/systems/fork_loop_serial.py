"""The bare ``os.fork`` loop, one task after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from systems.fork_loop import ForkLoop


@contextmanager
def started(directory: str, cpus: int) -> Iterator[ForkLoop]:
    yield ForkLoop(directory, width=1)
