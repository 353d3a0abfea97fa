"""An AzureBatch environment with a proxy in front of each of its two services."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from azurebatch_emulator import Emulator
from remotebatch import SubmissionEnvironment
from remotebatch.tracking import monitor
from remotebatch_azurebatch.accounts import clients, retries
from remotebatch_azurebatch.batch import repetition
from remotebatch_azurebatch.tracking import submission_watch
from tests.azurebatch.conftest import POOL
from tests.support.batch import connect, wait_for
from tests.support.proxy import Proxy


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and patience as long as tests can bear; the numbers of tries stay."""
    monkeypatch.setattr(clients, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(retries, "_GROWTH", 0.1)
    monkeypatch.setattr(retries, "_JITTER", 0.01)
    monkeypatch.setattr(repetition, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(submission_watch, "_STALLED", 0.5)
    monkeypatch.setattr(submission_watch, "_SOON", 0.2)
    monkeypatch.setattr(submission_watch, "_SHORTEST_INTERVAL", 0.1)
    monkeypatch.setattr(monitor, "_FIRST_PAUSE", 0.02)


@dataclass(frozen=True)
class Services:
    """The two services, each behind its proxy, and what is needed to reach them."""

    emulator: Emulator
    batch: Proxy
    blobs: Proxy

    @property
    def properties(self) -> dict[str, Any]:
        """Properties of an environment that goes through the proxies."""
        return {
            "batch_endpoint": self.batch.url,
            "credential": AzureNamedKeyCredential(self.emulator.account, self.emulator.key),
            "storage": self.storage,
        }

    @property
    def storage(self) -> str:
        """Connection string of the storage account, which leads to the proxy."""
        return re.sub(
            "BlobEndpoint=[^;]*", f"BlobEndpoint={self.blobs.url}", self.emulator.storage_connection_string
        )

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that say the same."""
        return {
            "AZURE_BATCH_ACCOUNT": self.emulator.account,
            "AZURE_BATCH_ACCESS_KEY": self.emulator.key,
            "AZURE_BATCH_ENDPOINT": self.batch.url,
            "AZURE_STORAGE_CONNECTION_STRING": self.storage,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def environment(self, pool_id: str = POOL, **properties: Any) -> SubmissionEnvironment:
        """An environment that goes through the proxies; it has to be closed."""
        return SubmissionEnvironment("AzureBatch", pool_id=pool_id, **(self.properties | properties))


def proxied(emulator: Emulator) -> Iterator[Services]:
    """An emulator and its storage account, each behind a proxy."""
    found = re.search("BlobEndpoint=([^;]*)", emulator.storage_connection_string)
    assert found is not None
    with Proxy(emulator.endpoint) as batch, Proxy(found[1]) as storage:
        yield Services(emulator, batch, storage)


@pytest.fixture(scope="session")
def both(processes_emulator: Emulator) -> Iterator[Services]:
    """Tasks run as processes."""
    yield from proxied(processes_emulator)


@pytest.fixture
def services(both: Services) -> Iterator[Services]:
    """The services, nothing ordered."""
    both.batch.clear()
    both.blobs.clear()
    yield both
    both.batch.clear()
    both.blobs.clear()


@pytest.fixture
def remote(services: Services) -> Iterator[SubmissionEnvironment]:
    """An environment behind the proxies."""
    environment = services.environment()
    yield environment
    environment.close()


@pytest.fixture
def direct(services: Services) -> Iterator[BatchClient]:
    """Microsoft's client of the Batch service, past the proxy."""
    with connect(services.emulator) as client:
        yield client


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """What the tasks of a test leave a note in."""
    return Runs(tmp_path / "runs")


class Runs:
    """A file that each task adds a line to when it runs."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def noting(self) -> Any:
        """A function that notes its argument and returns its square."""
        path = self.path

        def square(number: int, _: bytes = b"") -> int:
            with open(path, "a") as file:
                file.write(f"{number}\n")
            return number * number

        return square

    @property
    def noted(self) -> list[int]:
        """The arguments that were noted, sorted: twice what ran twice."""
        if not os.path.exists(self.path):
            return []
        with open(self.path) as file:
            return sorted(int(line) for line in file)


class Account:
    """What there is at the two services, past the proxies."""

    def __init__(self, client: BatchClient, storage: BlobServiceClient) -> None:
        self._client = client
        self._storage = storage
        self._before = self._found()

    def is_clean(self) -> bool:
        """Whether there soon is nothing that was not there at the test's beginning."""
        return not wait_for(lambda: self._found() - self._before, lambda new: not new, timeout=10.0)

    def _found(self) -> set[str]:
        jobs = {job.id for job in self._client.list_jobs() if job.state != "deleting"}
        return jobs | {container.name for container in self._storage.list_containers(name_starts_with="job-")}


@pytest.fixture
def account_now(services: Services, direct: BatchClient) -> Iterator[Account]:
    """The jobs and containers that there are before the test."""
    with BlobServiceClient.from_connection_string(services.emulator.storage_connection_string) as storage:
        yield Account(direct, storage)
