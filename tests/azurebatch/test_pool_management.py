"""``AzurePool`` and ``remotebatch azure pool``: pools are made, shown, resized and deleted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient
from click.testing import CliRunner

from azurebatch_emulator import Emulator, Quotas, Timings
from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.commands.azure import azure
from remotebatch_azurebatch.pools import pool as pools
from remotebatch_azurebatch.pools.autoscale import autoscale_formula
from remotebatch_azurebatch.pools.pool import AzurePool
from remotebatch_azurebatch.pools.preflight import Preflight
from remotebatch_azurebatch.settings import AzureBatchSettings, Registry
from tests.support.azure_command import AzureCommand
from tests.support.batch import connect, new_job, new_task, wait_for, wait_for_nodes
from tests.support.machine import Machine, keyring_of


@pytest.fixture(scope="module")
def emulator(azurite: str) -> Iterator[Emulator]:
    """One with room for four nodes, whose pools are steady at once."""
    timings, quotas = Timings(resize=0), Quotas(nodes=4)
    with Emulator(
        storage_connection_string=azurite, timings=timings, quotas=quotas, runtime="process"
    ) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_POLL", 0.05)


@pytest.fixture
def client(emulator: Emulator) -> Iterator[BatchClient]:
    with connect(emulator, polling_interval=0.05) as client:
        yield client


@pytest.fixture
def pool(client: BatchClient) -> Iterator[AzurePool]:
    """A pool that does not exist yet; its nodes are given back at the end."""
    pool = AzurePool(client, f"pool-{uuid.uuid4()}")
    yield pool
    if list(client.list_pools(filter=f"id eq '{pool.id}'")):
        pool.delete(wait=True)


@pytest.fixture
def run(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> AzureCommand:
    return AzureCommand(emulator, monkeypatch)


# -- making ---------------------------------------------------------------------------------


def test_a_new_pool_is_fit_for_jobs_and_scales_to_zero(client: BatchClient, pool: AzurePool) -> None:
    pool.create(container_images=["python:3.13"])
    (facts,) = Preflight(client).check([pool.id], AzureBatchSettings(vcpu_count=4))
    assert (facts.slots_per_node, facts.vcpus, facts.node_fill) == (4, 4, "pack")
    assert (facts.nodes, facts.autoscale) == (0, True)
    assert facts.prefetched_images == ("python:3.13",)


def test_a_new_pool_uses_an_image_that_runs_containers(client: BatchClient, pool: AzurePool) -> None:
    pool.create()
    machine = client.get_pool(pool.id).virtual_machine_configuration
    assert machine is not None
    assert machine.image_reference is not None
    known = {
        (image.node_agent_sku_id, image.image_reference.publisher, image.image_reference.sku): image
        for image in client.list_supported_images()
    }
    reference = machine.image_reference
    image = known[machine.node_agent_sku_id, reference.publisher, reference.sku]
    assert "DockerCompatible" in (image.capabilities or ())


def test_a_new_pool_may_have_a_fixed_number_of_nodes(client: BatchClient, pool: AzurePool) -> None:
    pool.create(vm_size="Standard_E8-2s_v5", nodes=1, spot=True, node_fill="spread")
    wait_for_nodes(client, pool.id)
    status = pool.show()
    assert (status.target_dedicated, status.target_low_priority) == (0, 1)
    assert (status.slots_per_node, status.node_fill, status.autoscale_formula) == (2, "spread", None)


def test_slots_must_be_said_where_the_size_does_not_tell(pool: AzurePool) -> None:
    with pytest.raises(InvalidSetting, match="slots"):
        pool.create(vm_size="Standard_Quantum")
    pool.create(vm_size="Standard_Quantum", slots=3)
    assert pool.show().slots_per_node == 3


def test_a_pool_is_made_once(pool: AzurePool) -> None:
    pool.create()
    with pytest.raises(ProviderError, match="PoolExists"):
        pool.create()


# -- scaling by itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "slots", "spot", "targets"),
    [(0, 4, False, (0, 0)), (1, 4, False, (1, 0)), (9, 4, False, (2, 0)), (9, 4, True, (0, 2))],
)
def test_the_formula_asks_for_as_many_nodes_as_the_tasks_fill(
    client: BatchClient, pool: AzurePool, tasks: int, slots: int, spot: bool, targets: tuple[int, int]
) -> None:
    pool.create(nodes=0, slots=slots)
    client.create_job(new_job(pool.id, pool.id))
    for number in range(tasks):
        client.create_task(pool.id, new_task(str(number)))
    evaluated = evaluate(client, pool, autoscale_formula(2, spot))
    assert (evaluated["$TargetDedicatedNodes"], evaluated["$TargetLowPriorityNodes"]) == targets
    assert evaluated["$NodeDeallocationOption"] == "taskcompletion"
    client.begin_delete_job(pool.id)


def evaluate(client: BatchClient, pool: AzurePool, formula: str) -> dict[str, int | str]:
    """What a formula comes to at the service just now."""
    from azure.batch.models import BatchPoolEnableAutoScaleOptions, BatchPoolEvaluateAutoScaleOptions

    client.enable_pool_auto_scale(
        pool.id, BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes = 0;")
    )
    run = client.evaluate_pool_auto_scale(
        pool.id, BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=formula)
    )
    assert run.error is None, run.error
    values = dict(result.split("=", 1) for result in (run.results or "").split(";"))
    return {name: int(value) if value.isdigit() else value for name, value in values.items()}


# -- looking --------------------------------------------------------------------------------


def test_shows_nodes_and_free_slots(client: BatchClient, pool: AzurePool) -> None:
    pool.create(nodes=2)
    wait_for_nodes(client, pool.id, 2)
    client.create_job(new_job(pool.id, pool.id))
    client.create_task(pool.id, new_task("t", "exec sleep 600", required_slots=3))
    status = wait_for(pool.show, lambda status: status.free_slots == 5)
    assert (status.slots, status.nodes) == (8, {"idle": 1, "running": 1})
    assert "8, 5 free (4 a node, pack)" in str(status)
    assert "microsoft-dsvm ubuntu-hpc 2404" in str(status)
    client.begin_delete_job(pool.id)


def test_shows_what_the_formula_came_to(pool: AzurePool) -> None:
    pool.create(max_nodes=3)
    status = wait_for(pool.show, lambda status: bool(status.autoscale_outcome))
    assert status.autoscale_formula == autoscale_formula(3)
    assert status.autoscale_outcome is not None
    assert "$TargetDedicatedNodes=0" in status.autoscale_outcome


def test_shows_why_nodes_are_missing(pool: AzurePool) -> None:
    pool.create(nodes=5)
    status = wait_for(pool.show, lambda status: bool(status.resize_errors))
    assert "CoreQuotaReached" in str(status)


def test_a_missing_pool_is_said_to_be_missing(pool: AzurePool) -> None:
    with pytest.raises(ProviderError, match=f"{pool.id}.*PoolNotFound"):
        pool.show()


# -- resizing and deleting ------------------------------------------------------------------


def test_resizing_ends_scaling_by_itself(client: BatchClient, pool: AzurePool) -> None:
    pool.create()
    assert pool.resize(dedicated=1, wait=True)
    assert not pool.resize(low_priority=2, wait=True)
    status = pool.show()
    assert status.autoscale_formula is None
    assert (status.target_dedicated, status.target_low_priority) == (1, 2)
    wait_for_nodes(client, pool.id, 3)


def test_waiting_for_nodes_that_do_not_come_fails_with_the_cause(pool: AzurePool) -> None:
    pool.create(nodes=0)
    with pytest.raises(ProviderError, match="did not get all nodes: AccountCoreQuotaReached"):
        pool.resize(dedicated=9, wait=True)


def test_resizing_needs_a_number(pool: AzurePool) -> None:
    with pytest.raises(InvalidSetting, match="how many"):
        pool.resize()


def test_deleting(client: BatchClient, pool: AzurePool) -> None:
    pool.create()
    pool.delete(wait=True)
    with pytest.raises(ProviderError, match="PoolNotFound"):
        pool.delete()


# -- from the command line ------------------------------------------------------------------


def test_a_pools_life_from_the_command_line(run: AzureCommand) -> None:
    pool_id = f"pool-{uuid.uuid4()}"
    assert run("pool", "create", pool_id, "--max-nodes", "2", "--image", "a:1") == f"Made pool {pool_id}\n"
    assert "automatic" in run("pool", "show", pool_id)
    shown = json.loads(run("pool", "show", pool_id, "--json"))
    assert (shown["id"], shown["prefetched_images"]) == (pool_id, ["a:1"])
    assert "scale by itself any more" in run("pool", "resize", pool_id, "--nodes", "0", "--wait")
    assert f"Deleted pool {pool_id}" in run("pool", "delete", pool_id, "--wait", answer="y\n")


def test_private_images_are_pulled_with_a_password_from_the_keyring(
    client: BatchClient, emulator: Emulator, tmp_path: Path
) -> None:
    pool_id, image, password = f"pool-{uuid.uuid4()}", "name.azurecr.io/image:1", "correct horse"
    machine = Machine(tmp_path, [password, emulator.key])
    machine.set(
        {
            "AZURE_BATCH_ACCOUNT": emulator.account,
            "AZURE_BATCH_ACCESS_KEY": emulator.key,
            "AZURE_BATCH_ENDPOINT": emulator.endpoint,
            "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
        }
    )
    create = (
        "azure",
        "pool",
        "create",
        pool_id,
        "--image",
        image,
        "--registry",
        "name.azurecr.io",
        "--user",
        "me",
    )
    with keyring_of(machine):
        assert "no password is saved for 'me'" in machine.remotebatch(*create).errors
        machine.remotebatch("login", "registry", "name.azurecr.io", "--user", "me", stdin=f"{password}\n")
        assert machine.remotebatch(*create).output == f"Made pool {pool_id}\n"
    configuration = client.get_pool(pool_id).virtual_machine_configuration
    assert configuration is not None
    assert configuration.container_configuration is not None
    (registry,) = configuration.container_configuration.container_registries or []
    assert (registry.registry_server, registry.username) == ("name.azurecr.io", "me")


def test_a_new_pool_has_no_managed_identity_to_pull_with(pool: AzurePool) -> None:
    with pytest.raises(InvalidSetting, match="only a template"):
        pool.create(registry=Registry(server="name.azurecr.io", identity="/subscriptions/…"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pool", "resize", "p"], "--nodes"),
        (["pool", "create", "p", "--nodes", "1", "--max-nodes", "2"], "give one"),
        (["pool", "create", "p", "--slots", "0"], "--slots"),
        (["pool", "create", "p", "--registry", "name.azurecr.io"], "go together"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(arguments: list[str], says: str) -> None:
    ended = CliRunner().invoke(azure, arguments)
    assert ended.exit_code == 2
    assert says in ended.output


def test_the_defaults_in_the_help_are_the_real_ones() -> None:
    text = CliRunner().invoke(azure, ["pool", "create", "--help"]).output
    assert f"[default: {pools.VM_SIZE}]" in " ".join(text.split())
    assert f"[default: {pools.MAX_NODES}]" in " ".join(text.split())
