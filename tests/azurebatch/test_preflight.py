"""Preflight: a pool that cannot run a job is refused at once, by name and with the cause."""

from __future__ import annotations

import logging
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from azurebatch_emulator import Emulator, Quotas, Timings
from remotebatch.errors import InvalidSetting, ProviderError, ProviderUnavailable
from remotebatch_azurebatch.pools.facts import PoolFacts
from remotebatch_azurebatch.pools.preflight import PoolWarning, Preflight
from remotebatch_azurebatch.pools.vm_sizes import has_gpus, vcpus_of
from remotebatch_azurebatch.settings import AzureBatchSettings
from tests.support.batch import QUICKLY, connect, new_pool, wait_for
from tests.support.wire import wire

PLAIN = AzureBatchSettings()


@pytest.fixture(scope="module")
def emulator(azurite: str) -> Iterator[Emulator]:
    """One with room for three nodes, whose pools are steady at once."""
    timings, quotas = Timings(resize=0), Quotas(nodes=3)
    with Emulator(
        storage_connection_string=azurite, timings=timings, quotas=quotas, runtime="process", faults=True
    ) as emulator:
        yield emulator


class Requests(SansIOHTTPPolicy[Any, Any]):
    """Notes the requests that a client makes."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def on_request(self, request: PipelineRequest[Any]) -> None:
        self.made.append(request.http_request.method)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def machine(offer: str = "ubuntu-hpc", containers: bool = True, **options: Any) -> Any:
    return models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(publisher="microsoft-dsvm", offer=offer, sku="2404"),
        node_agent_sku_id="batch.node.ubuntu 24.04",
        container_configuration=models.BatchContainerConfiguration(type="dockerCompatible", **options)
        if containers
        else None,
    )


def make(client: BatchClient, nodes: int = 0, **options: Any) -> str:
    """A pool that is fit, but for what the options say."""
    pool_id = f"pool-{uuid.uuid4()}"
    fit = {
        "vm_size": "Standard_D4s_v5",
        "task_slots_per_node": 4,
        "virtual_machine_configuration": machine(),
    }
    if not nodes:
        fit |= {"enable_auto_scale": True, "auto_scale_formula": "$TargetDedicatedNodes = 0;"}
        fit |= {"target_dedicated_nodes": None}
    client.create_pool(new_pool(pool_id, nodes, **(fit | options)))
    wait_for(lambda: client.get_pool(pool_id), lambda pool: pool.allocation_state == "steady")
    return pool_id


def delete(client: BatchClient, pool_id: str) -> None:
    """Delete a pool, so that its nodes are there for others."""
    client.begin_delete_pool(pool_id, **QUICKLY).result()


def refused(client: BatchClient, pool_id: str, settings: AzureBatchSettings = PLAIN) -> str:
    """The message that a job is refused with."""
    with pytest.raises(ProviderError) as refusal:
        Preflight(client).check([pool_id], settings)
    assert repr(pool_id) in str(refusal.value)
    return str(refusal.value)


# -- pools that are fit ---------------------------------------------------------------------


def test_tells_what_matters_of_each_pool(client: BatchClient) -> None:
    first = make(
        client,
        virtual_machine_configuration=machine(container_image_names=["python:3.13"]),
        task_scheduling_policy=models.BatchTaskSchedulingPolicy(node_fill_type="pack"),
    )
    second = make(client, nodes=1)
    wait_for(lambda: Preflight(client).check([second], PLAIN)[0].nodes)
    facts = Preflight(client).check([first, second], PLAIN)
    assert facts == [
        PoolFacts(first, "standard_d4s_v5", 4, 4, 0, 0, True, "pack", ("python:3.13",)),
        PoolFacts(second, "standard_d4s_v5", 4, 4, 1, 1, False, "spread", ()),
    ]
    delete(client, second)


def test_a_pool_that_was_found_fit_is_not_asked_about_for_a_minute(client: BatchClient) -> None:
    pool_id, clock = make(client), Clock()
    preflight = Preflight(client, clock)
    before = preflight.check([pool_id], PLAIN)
    client.begin_delete_pool(pool_id)
    clock.now += 59
    assert preflight.check([pool_id], PLAIN) == before
    clock.now += 2
    with pytest.raises(ProviderError):
        preflight.check([pool_id], PLAIN)


def test_it_costs_one_request_a_pool(client: BatchClient, emulator: Emulator) -> None:
    pools, requests = [make(client), make(client)], Requests()
    with connect(emulator, per_call_policies=[requests]) as counted:
        preflight = Preflight(counted)
        preflight.check(pools, PLAIN)
        preflight.check(pools, PLAIN)
    assert requests.made == ["GET", "GET"]


def test_a_failure_is_not_remembered(client: BatchClient) -> None:
    pool_id, preflight = f"pool-{uuid.uuid4()}", Preflight(client)
    with pytest.raises(ProviderError, match="no pool"):
        preflight.check([pool_id], PLAIN)
    client.create_pool(new_pool(pool_id, 1, virtual_machine_configuration=machine()))
    with pytest.warns(PoolWarning):
        assert preflight.check([pool_id], PLAIN)
    delete(client, pool_id)


# -- pools that can run nothing -------------------------------------------------------------


def test_missing_pool(client: BatchClient) -> None:
    assert "azure pool create nowhere" in refused(client, "nowhere")


def test_pool_that_is_being_deleted(azurite: str) -> None:
    with (
        Emulator(
            storage_connection_string=azurite, runtime="process", timings=Timings(resize=0, pool_delete=60)
        ) as emulator,
        connect(emulator) as client,
    ):
        pool_id = make(client)
        client.begin_delete_pool(pool_id)
        assert "being deleted" in refused(client, pool_id)


def test_pool_without_containers(client: BatchClient) -> None:
    pool_id = make(client, virtual_machine_configuration=machine(containers=False))
    assert "container configuration" in refused(client, pool_id)


def test_windows_pool(client: BatchClient) -> None:
    pool_id = make(client, virtual_machine_configuration=machine(offer="WindowsServer"))
    assert "Windows" in refused(client, pool_id)


def test_pool_without_nodes_and_without_scaling(client: BatchClient) -> None:
    pool_id = make(client, enable_auto_scale=False, auto_scale_formula=None, target_dedicated_nodes=0)
    assert f"azure pool resize {pool_id}" in refused(client, pool_id)


def test_pool_that_got_no_nodes_says_why(client: BatchClient) -> None:
    holder = make(client, nodes=3)
    pool_id = make(client, nodes=1)
    assert "Quota" in refused(client, pool_id)
    delete(client, holder)
    delete(client, pool_id)


def test_pool_that_got_fewer_nodes_than_it_wants_is_used_with_a_warning(client: BatchClient) -> None:
    pool_id = make(client, nodes=4)
    with pytest.warns(PoolWarning, match=r"3 of 4 nodes: .*Quota"):
        assert Preflight(client).check([pool_id], PLAIN)[0].nodes == 3
    delete(client, pool_id)


def test_a_service_that_does_not_answer_is_no_verdict(client: BatchClient, emulator: Emulator) -> None:
    pool_id = make(client)
    with wire(emulator, auth=None, params={}) as control:
        control.post(
            "/control/faults", json={"kind": "status", "status": 500, "path": pool_id}
        ).raise_for_status()
    with connect(emulator, retry_total=0) as impatient, pytest.raises(ProviderUnavailable):
        Preflight(impatient).check([pool_id], PLAIN)


# -- settings that a pool cannot satisfy ----------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"vcpu_count": 5}, "4 task slots"),
        ({"gpu_count": 1}, "has no GPU"),
        ({"node_fill": "pack"}, "'spread'"),
    ],
)
def test_settings_beyond_the_pool(client: BatchClient, settings: dict[str, Any], says: str) -> None:
    pool_id = make(client)
    with pytest.raises(InvalidSetting, match=says) as refusal:
        Preflight(client).check([pool_id], AzureBatchSettings(**settings))
    assert repr(pool_id) in str(refusal.value)
    assert next(iter(settings)) in str(refusal.value)


def test_settings_within_the_pool(client: BatchClient) -> None:
    pool_id = make(client, vm_size="Standard_NC4as_T4_v3")
    Preflight(client).check([pool_id], AzureBatchSettings(vcpu_count=4, gpu_count=1, node_fill="spread"))


# -- what does no harm ----------------------------------------------------------------------


def test_slots_that_differ_from_the_vcpus_are_warned_of_once(client: BatchClient) -> None:
    pool_id = make(client, task_slots_per_node=8)
    with pytest.warns(PoolWarning, match="8 task slots a node, but standard_d4s_v5 has 4 vCPUs") as warned:
        Preflight(client).check([pool_id], PLAIN)
    assert warned[0].filename == __file__  # the line that submitted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Preflight(client).check([pool_id], PLAIN)


def test_an_image_that_is_not_prefetched_is_noted(
    client: BatchClient, caplog: pytest.LogCaptureFixture
) -> None:
    pool_id = make(client, virtual_machine_configuration=machine(container_image_names=["mine:1"]))
    caplog.set_level(logging.INFO, "remotebatch")
    Preflight(client).check([pool_id], AzureBatchSettings(container_image="mine:1"))
    assert not caplog.messages
    Preflight(client).check([pool_id], AzureBatchSettings(container_image="mine:2"))
    assert "mine:2" in caplog.text


@pytest.mark.parametrize(
    ("vm_size", "vcpus"),
    [
        ("STANDARD_D4S_V3", 4),
        ("Standard_D2s_v5", 2),
        ("Standard_E8-2s_v5", 2),
        ("Standard_D3_v2", 4),
        ("Standard_DS14_v2", 16),
        ("standard_d2", 2),
        ("standard_a1", 1),
        ("Standard_A4", 8),
        ("Standard_A4m_v2", 4),
        ("Standard_F16s_v2", 16),
        ("Standard_NC4as_T4_v3", 4),
        ("Standard_NC24ads_A100_v4", 24),
        ("Standard_HB120-16rs_v3", 16),
        ("Standard_DC8eds_v5", 8),
        ("Standard_GS5", 32),
        ("Standard_M416ms_v2", 416),
        ("quantum", None),
        ("Standard_A99", None),
    ],
)
def test_vcpus_are_read_from_the_name_of_a_size(vm_size: str, vcpus: int | None) -> None:
    assert vcpus_of(vm_size) == vcpus


def test_sizes_with_gpus() -> None:
    assert has_gpus("Standard_NC4as_T4_v3")
    assert has_gpus("STANDARD_ND96ASR_V4")
    assert not has_gpus("Standard_D4s_v5")
    assert not has_gpus("Standard_NP10s")
