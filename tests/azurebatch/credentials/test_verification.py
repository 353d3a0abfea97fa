"""Both accounts are asked, and the error says which of them refused, and why."""

from __future__ import annotations

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from azurebatch_emulator import Emulator
from azurebatch_emulator.process.addresses import free_ports
from remotebatch import ProviderError
from remotebatch.errors import ProviderUnavailable
from remotebatch_azurebatch.accounts.connection import BatchAccount, Connection, StorageAccount
from remotebatch_azurebatch.accounts.credentials import checks
from remotebatch_azurebatch.accounts.credentials.verification import (
    problems_of,
    verify,
    verify_batch,
    verify_storage,
)
from remotebatch_azurebatch.storage.layout import OBJECTS
from tests.azurebatch.credentials.conftest import WRONG_KEY


@pytest.fixture
def batch(emulator: Emulator) -> BatchAccount:
    return BatchAccount(emulator.endpoint, AzureNamedKeyCredential(emulator.account, emulator.key))


@pytest.fixture
def storage(emulator: Emulator) -> StorageAccount:
    return checks.storage_account(emulator.storage_connection_string)


@pytest.fixture
def wrong_batch(emulator: Emulator) -> BatchAccount:
    return BatchAccount(emulator.endpoint, AzureNamedKeyCredential(emulator.account, WRONG_KEY))


@pytest.fixture
def wrong_storage(storage: StorageAccount) -> StorageAccount:
    return StorageAccount(storage.url, AzureNamedKeyCredential(storage.name, WRONG_KEY))


@pytest.fixture
def nowhere() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


def test_right_keys(batch: BatchAccount, storage: StorageAccount, emulator: Emulator) -> None:
    for _ in range(2):  # the container is there, the second time
        verify(Connection(batch, storage, "given"))
    with BlobServiceClient.from_connection_string(emulator.storage_connection_string) as client:
        assert [found.name for found in client.list_containers(OBJECTS)] == [OBJECTS]


def test_a_wrong_key_of_the_batch_account(wrong_batch: BatchAccount, storage: StorageAccount) -> None:
    batch_problem, storage_problem = problems_of(Connection(wrong_batch, storage, "given"))
    assert storage_problem is None
    refused = f"the Batch account 'devbatchaccount' at {wrong_batch.endpoint} was not verified: "
    assert str(batch_problem).startswith(f"{refused}AuthenticationFailed")


def test_a_wrong_key_of_the_storage_account(batch: BatchAccount, wrong_storage: StorageAccount) -> None:
    batch_problem, storage_problem = problems_of(Connection(batch, wrong_storage, "given"))
    assert batch_problem is None
    assert str(storage_problem).startswith(
        f"the storage account 'devstoreaccount1' at {wrong_storage.url} was not verified: "
    )
    assert "AuthorizationFailure" in str(storage_problem) or "AuthenticationFailed" in str(storage_problem)


def test_both_are_wrong(wrong_batch: BatchAccount, wrong_storage: StorageAccount) -> None:
    with pytest.raises(ProviderError, match=r"the Batch account .*; the storage account ") as caught:
        verify(Connection(wrong_batch, wrong_storage, "given"))
    assert WRONG_KEY not in str(caught.value)


def test_nobody_answers(nowhere: str, batch: BatchAccount, storage: StorageAccount) -> None:
    with pytest.raises(ProviderUnavailable, match=r"the Batch account .* refused"):
        verify_batch(BatchAccount(nowhere, batch.credential))
    with pytest.raises(ProviderUnavailable, match=r"the storage account .* refused"):
        verify_storage(StorageAccount(nowhere, storage.credential))
