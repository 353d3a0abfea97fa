"""Dask's LocalCluster: long-lived worker processes, nothing kept of a task but its value."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster
from noop import noop


class Dask:
    def __init__(self, client: Client) -> None:
        self._client = client

    def call(self, element: int) -> int:
        value: int = self._client.submit(noop, element, pure=False).result()
        return value

    def map(self, count: int) -> list[int]:
        values: list[int] = self._client.gather(self._client.map(noop, range(count), pure=False))
        return values


@contextmanager
def started(directory: str, cpus: int) -> Iterator[Dask]:
    cluster = LocalCluster(
        n_workers=cpus,
        threads_per_worker=1,
        dashboard_address=None,
        local_directory=directory,
        silence_logs=logging.ERROR,
    )
    with cluster, Client(cluster) as client:
        client.wait_for_workers(cpus)
        yield Dask(client)
