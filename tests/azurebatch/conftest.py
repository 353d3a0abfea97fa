"""An AzureBatch environment on a Batch service and a storage account of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from azure.batch import models

from azurebatch_emulator import Emulator
from remotebatch import SubmissionEnvironment
from tests.support.batch import connect, new_pool, wait_for_nodes
from tests.support.emulator import (
    AT_ONCE,
    MakeEmulator,
    azurite,
    client,
    emulator,
    gate,
    make_emulator,
    share_emulator,
)

__all__ = ["azurite", "client", "emulator", "gate", "make_emulator", "share_emulator"]

POOL = "pool"
SLOTS = 4


def container_pool(
    pool_id: str, nodes: int = 1, slots: int = SLOTS, **options: Any
) -> models.BatchPoolCreateOptions:
    """A pool whose nodes run containers."""
    return new_pool(
        pool_id,
        nodes,
        vm_size="standard_d4s_v3",
        task_slots_per_node=slots,
        virtual_machine_configuration=models.VirtualMachineConfiguration(
            image_reference=models.BatchVmImageReference(
                publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2204"
            ),
            node_agent_sku_id="batch.node.ubuntu 22.04",
            container_configuration=models.BatchContainerConfiguration(type="dockerCompatible"),
        ),
        **options,
    )


def variables(emulator: Emulator) -> dict[str, str]:
    """Environment variables by which a client finds an emulator, without the keyring."""
    return {
        "AZURE_BATCH_ACCOUNT": emulator.account,
        "AZURE_BATCH_ACCESS_KEY": emulator.key,
        "AZURE_BATCH_ENDPOINT": emulator.endpoint,
        "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


@pytest.fixture(scope="session")
def batch(share_emulator: MakeEmulator) -> Emulator:
    """An emulator with a container pool, which all tests of the provider share."""
    return _with_pool(share_emulator(faults=True, timings=AT_ONCE))


def _with_pool(emulator: Emulator) -> Emulator:
    with connect(emulator) as client:
        client.create_pool(container_pool(POOL))
        wait_for_nodes(client, POOL, 1)
    return emulator


@pytest.fixture
def account(batch: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator, with the variables set by which clients find it."""
    for name, value in variables(batch).items():
        monkeypatch.setenv(name, value)
    return batch


@pytest.fixture
def env(account: Emulator, matching_image: str) -> Iterator[SubmissionEnvironment]:
    """An environment on the shared pool."""
    environment = SubmissionEnvironment("AzureBatch", pool_id=POOL)
    yield environment.options(container_image=matching_image)
    environment.close()


@pytest.fixture(scope="session")
def processes_emulator(share_emulator: MakeEmulator) -> Emulator:
    """An emulator that runs tasks as processes, for tests in which it does not matter what runs them."""
    return _with_pool(share_emulator(runtime="process", faults=True, timings=AT_ONCE))


@pytest.fixture
def processes(
    processes_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SubmissionEnvironment]:
    """An environment on that emulator."""
    for name, value in variables(processes_emulator).items():
        monkeypatch.setenv(name, value)
    environment = SubmissionEnvironment("AzureBatch", pool_id=POOL)
    yield environment
    environment.close()


@pytest.fixture
def elsewhere(processes: SubmissionEnvironment) -> Iterator[SubmissionEnvironment]:
    """The same environment in what might be another process."""
    environment = SubmissionEnvironment("AzureBatch", pool_id=POOL)
    yield environment
    environment.close()
