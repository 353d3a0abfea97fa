"""A Batch account that takes its time, as Azure does, so that what it passes through can be seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from azurebatch_emulator import Emulator, Timings


@pytest.fixture(scope="module")
def emulator(azurite: str) -> Iterator[Emulator]:
    """An emulator whose transitions take a second."""
    timings = Timings(resize=1, node_start=1, job_terminate=1, job_delete=1, pool_delete=1)
    with Emulator(storage_connection_string=azurite, timings=timings) as emulator:
        yield emulator
