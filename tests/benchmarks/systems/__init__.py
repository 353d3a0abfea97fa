"""The systems that are compared: one module each, the only one to import what it measures.

A module has ``started(directory, cpus)``, a context manager that gives a :class:`System` with that
many workers, and keeps whatever it stores under that directory.
"""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager
from typing import Protocol, cast

TITLES = {
    "ours": "remotebatch Local",
    "fork_loop": "bare os.fork loop",
    "fork_loop_serial": "bare os.fork loop, serial",
    "dask_cluster": "Dask LocalCluster",
    "parsl_htex": "Parsl HTEX",
    "parsl_htex_plain": "Parsl HTEX, unencrypted",
    "submitit_local": "submitit LocalExecutor",
    "process_pool": "ProcessPoolExecutor",
}
"""Module of each system, and its name in the table."""


class System(Protocol):
    """A running system."""

    def call(self, element: int) -> int:
        """Evaluate one no-op and return its result."""

    def map(self, count: int) -> list[int]:
        """Submit that many no-ops, one element a task, and return all results in order."""


class Module(Protocol):
    """What a system's module has."""

    def started(self, directory: str, cpus: int) -> AbstractContextManager[System]:
        """Start the system; leaving the context stops it."""


def module(name: str) -> Module:
    """Import a system's module."""
    return cast(Module, importlib.import_module(f"systems.{name}"))
