"""Pools: made, shown, listed, changed and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from azurebatch_emulator import Emulator, Quotas, Timings
from tests.support.batch import (
    QUICKLY,
    code_of,
    connect,
    new_pool,
    refusal,
    shell,
    wait_for_nodes,
    wait_for_steady,
)
from tests.support.definite import definite
from tests.support.emulator import MakeEmulator

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


@pytest.fixture(scope="module")
def endless(make_emulator: MakeEmulator) -> Iterator[BatchClient]:
    """A client of an emulator where resizes and deletions never end, and with room for three pools."""
    timings, quotas = Timings(resize=3600, pool_delete=3600), Quotas(pools=3)
    with connect(make_emulator(timings=timings, quotas=quotas)) as client:
        yield client


@pytest.fixture(scope="module")
def empty_pool(client: BatchClient) -> str:
    """A pool that has no nodes and is steady."""
    client.create_pool(new_pool("empty", 0))
    wait_for_steady(client, "empty")
    return "empty"


# -- made and shown -------------------------------------------------------------------------


@pytest.mark.operation("create_pool", "get_pool")
def test_new_pool_shows_every_default(client: BatchClient, emulator: Emulator, empty_pool: str) -> None:
    shown = client.get_pool(empty_pool).as_dict()
    times = {name for name, value in shown.items() if isinstance(value, str) and TIME.fullmatch(value)}
    assert times == {
        "lastModified",
        "creationTime",
        "stateTransitionTime",
        "allocationStateTransitionTime",
    }
    assert re.fullmatch("0x[0-9A-F]{15}", shown.pop("eTag"))
    assert {name: value for name, value in shown.items() if name not in times} == {
        "odata.metadata": f"{emulator.endpoint}/$metadata#pools/@Element",
        "id": "empty",
        "url": f"{emulator.endpoint}/pools/empty",
        "state": "active",
        "allocationState": "steady",
        "vmSize": "standard_d2",
        "resizeTimeout": "PT15M",
        "currentDedicatedNodes": 0,
        "targetDedicatedNodes": 0,
        "currentLowPriorityNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "Spread", "jobDefaultOrder": "none"},
        "virtualMachineConfiguration": {
            "imageReference": {
                "publisher": "debian",
                "offer": "debian-12",
                "sku": "12",
                "version": "latest",
            },
            "nodeAgentSKUId": "batch.node.debian 12",
        },
    }


@pytest.mark.operation("create_pool", "get_pool")
def test_new_pool_shows_what_was_given_with_the_gaps_filled_and_no_passwords(client: BatchClient) -> None:
    client.create_pool(
        new_pool(
            "given",
            0,
            display_name="Given",
            task_slots_per_node=4,
            task_scheduling_policy=models.BatchTaskSchedulingPolicy(node_fill_type="pack"),
            enable_inter_node_communication=True,
            metadata=[models.BatchMetadataItem(name="colour", value="blue")],
            user_accounts=[models.UserAccount(name="someone", password="secret")],
            start_task=models.BatchStartTask(
                command_line=shell("true"),
                environment_settings=[models.EnvironmentSetting(name="A", value="1")],
            ),
            network_configuration=models.NetworkConfiguration(
                public_ip_address_configuration=models.BatchPublicIpAddressConfiguration(
                    ip_address_provisioning_type="nopublicipaddresses"
                )
            ),
        )
    )
    shown = client.get_pool("given").as_dict()
    user = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
    assert {
        "displayName": "Given",
        "taskSlotsPerNode": 4,
        "taskSchedulingPolicy": {"nodeFillType": "Pack", "jobDefaultOrder": "none"},
        "enableInterNodeCommunication": True,
        "metadata": [{"name": "colour", "value": "blue"}],
        "userAccounts": [{"name": "someone", "elevationLevel": "nonadmin"}],
        "startTask": {
            "commandLine": shell("true"),
            "environmentSettings": [{"name": "A", "value": "1"}],
            "userIdentity": user,
            "maxTaskRetryCount": 0,
            "waitForSuccess": True,
        },
        "networkConfiguration": {
            "dynamicVNetAssignmentScope": "none",
            "enableAcceleratedNetworking": False,
            "publicIPAddressConfiguration": {"provision": "nopublicipaddresses"},
        },
    }.items() <= shown.items()


@pytest.mark.operation("create_pool")
def test_pool_id_is_taken_in_any_case(client: BatchClient, empty_pool: str) -> None:
    with pytest.raises(ResourceExistsError, match="The specified pool already exists") as caught:
        client.create_pool(new_pool(empty_pool.upper(), 0))
    assert refusal(caught.value).code == "PoolExists"


@pytest.mark.operation("create_pool")
@pytest.mark.parametrize(
    ("options", "code", "name"),
    [
        ({"virtual_machine_configuration": None}, "MissingRequiredProperty", "virtualMachineConfiguration"),
        ({"task_slots_per_node": 0}, "InvalidPropertyValue", "taskSlotsPerNode"),
        ({"target_dedicated_nodes": -1}, "InvalidPropertyValue", "targetDedicatedNodes"),
        ({"resize_timeout": "PT4M"}, "InvalidPropertyValue", "resizeTimeout"),
        ({"enable_auto_scale": True}, "MissingRequiredProperty", "autoScaleFormula"),
        ({"auto_scale_formula": "$TargetDedicatedNodes=1"}, "InvalidPropertyValue", "autoScaleFormula"),
        (
            {"start_task": models.BatchStartTask(command_line=" ")},
            "InvalidPropertyValue",
            "startTask.commandLine",
        ),
        ({"metadata": [models.BatchMetadataItem(name="", value="")]}, "EmptyMetadataKey", None),
        (
            {"application_package_references": [models.BatchApplicationPackageReference(application_id="a")]},
            "InvalidApplicationPackageReferences",
            None,
        ),
    ],
)
def test_pool_that_cannot_be_is_refused(
    client: BatchClient, options: dict[str, Any], code: str, name: str | None
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        client.create_pool(new_pool("impossible", **{"target_dedicated_nodes": None, **options}))
    refused = refusal(caught.value)
    assert (refused.code, refused.values.get("PropertyName")) == (code, name)
    with pytest.raises(ResourceNotFoundError):
        client.get_pool("impossible")


@pytest.mark.operation("get_pool", "pool_exists")
def test_pool_that_is_not_there_is_not_found(client: BatchClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="The specified pool does not exist") as caught:
        client.get_pool("nowhere")
    assert refusal(caught.value).code == "PoolNotFound"
    with pytest.raises(ResourceNotFoundError):
        client.pool_exists("nowhere")


@pytest.mark.operation("pool_exists")
def test_pool_exists(client: BatchClient, empty_pool: str) -> None:
    assert client.pool_exists(empty_pool)


@pytest.mark.operation("get_pool")
def test_only_selected_properties_are_shown(client: BatchClient, empty_pool: str) -> None:
    shown = client.get_pool(empty_pool, select=["id", "state"], expand=["stats"]).as_dict()
    shown.pop("odata.metadata")
    assert shown == {"id": empty_pool, "state": "active"}


@pytest.mark.operation("list_pools")
def test_pools_are_listed_in_order_by_pages_and_filter(client: BatchClient, empty_pool: str) -> None:
    for name in ("page-b", "page-a", "page-c"):
        client.create_pool(new_pool(name, 0))
    pages = client.list_pools(filter="startswith(id,'page-')", max_results=2).by_page()
    assert [[pool.id for pool in page] for page in pages] == [["page-a", "page-b"], ["page-c"]]
    assert empty_pool in [pool.id for pool in client.list_pools(filter="state eq 'active'", select=["id"])]
    for name in ("page-b", "page-a", "page-c"):
        client.begin_delete_pool(name)


# -- changed --------------------------------------------------------------------------------


@pytest.mark.operation("update_pool", "get_pool")
def test_patch_changes_what_is_given_and_leaves_the_rest(client: BatchClient) -> None:
    client.create_pool(
        new_pool(
            "patched",
            0,
            display_name="Before",
            metadata=[models.BatchMetadataItem(name="a", value="1")],
            start_task=models.BatchStartTask(command_line=shell("true")),
        )
    )
    before = wait_for_steady(client, "patched")
    client.update_pool(
        "patched",
        models.BatchPoolUpdateOptions(
            vm_size="STANDARD_D4",
            task_slots_per_node=8,
            metadata=[models.BatchMetadataItem(name="b", value="2")],
        ),
    )
    after = client.get_pool("patched")
    assert (after.vm_size, after.task_slots_per_node) == ("standard_d4", 8)
    assert [(item.name, item.value) for item in definite(after.metadata)] == [("b", "2")]
    assert (after.display_name, after.start_task) == ("Before", before.start_task)
    assert after.etag != before.etag
    assert after.last_modified > before.last_modified
    client.update_pool("patched", models.BatchPoolUpdateOptions(metadata=[]))
    assert client.get_pool("patched").metadata is None


@pytest.mark.operation("update_pool")
def test_pool_with_nodes_keeps_its_machines_but_takes_another_start_task(client: BatchClient) -> None:
    client.create_pool(new_pool("inhabited", 1))
    wait_for_nodes(client, "inhabited")
    larger = models.BatchPoolUpdateOptions(vm_size="STANDARD_D4")
    assert code_of(lambda: client.update_pool("inhabited", larger)) == "OperationInvalidForCurrentState"
    client.update_pool(
        "inhabited",
        models.BatchPoolUpdateOptions(start_task=models.BatchStartTask(command_line=shell("exit 0"))),
    )
    assert definite(client.get_pool("inhabited").start_task).command_line == shell("exit 0")
    client.begin_delete_pool("inhabited")


@pytest.mark.operation("replace_pool_properties", "get_pool")
def test_replacement_takes_away_what_is_not_given(client: BatchClient) -> None:
    client.create_pool(
        new_pool(
            "replaced",
            0,
            display_name="Stays",
            metadata=[models.BatchMetadataItem(name="a", value="1")],
            start_task=models.BatchStartTask(command_line=shell("true")),
        )
    )
    client.replace_pool_properties(
        "replaced", models.BatchPoolReplaceOptions(application_package_references=[], metadata=[])
    )
    after = client.get_pool("replaced")
    assert (after.start_task, after.metadata, after.display_name) == (None, None, "Stays")


@pytest.mark.operation("update_pool", "replace_pool_properties")
def test_packages_that_do_not_exist_are_refused(client: BatchClient, empty_pool: str) -> None:
    package = [models.BatchApplicationPackageReference(application_id="missing")]
    for change in (
        lambda: client.update_pool(
            empty_pool, models.BatchPoolUpdateOptions(application_package_references=package)
        ),
        lambda: client.replace_pool_properties(
            empty_pool, models.BatchPoolReplaceOptions(application_package_references=package, metadata=[])
        ),
    ):
        assert code_of(change) == "InvalidApplicationPackageReferences"


@pytest.mark.operation("update_pool")
def test_change_is_made_only_if_the_pool_is_still_the_one_that_was_read(
    client: BatchClient, empty_pool: str
) -> None:
    read = client.get_pool(empty_pool)
    change = models.BatchPoolUpdateOptions(metadata=[models.BatchMetadataItem(name="a", value="1")])
    client.update_pool(empty_pool, change, etag=read.etag, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(ResourceModifiedError):
        client.update_pool(empty_pool, change, etag=read.etag, match_condition=MatchConditions.IfNotModified)


# -- deleted --------------------------------------------------------------------------------


@pytest.mark.operation("delete_pool", "pool_exists")
def test_deleted_pool_is_gone_and_its_id_is_free(client: BatchClient) -> None:
    for _ in range(2):
        client.create_pool(new_pool("short-lived", 1))
        client.begin_delete_pool("short-lived", **QUICKLY).wait()
        with pytest.raises(ResourceNotFoundError):
            client.pool_exists("short-lived")


@pytest.mark.operation("delete_pool", "get_pool")
def test_pool_is_shown_while_it_is_being_deleted(endless: BatchClient) -> None:
    endless.create_pool(new_pool("going", 2))
    before = endless.get_pool("going")
    assert before.allocation_state == "resizing"
    endless.begin_delete_pool("going")
    pool = endless.get_pool("going")
    assert (pool.state, pool.allocation_state) == ("deleting", "resizing")
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (0, 0)
    assert pool.as_dict()["resizeTimeout"] == "PT7M9.497S"
    assert pool.etag != before.etag
    assert pool.last_modified == pool.state_transition_time > before.last_modified


@pytest.mark.operation("delete_pool", "create_pool", "update_pool", "resize_pool")
def test_pool_that_is_being_deleted_cannot_be_changed(endless: BatchClient) -> None:
    endless.create_pool(new_pool("doomed", 1))
    endless.begin_delete_pool("doomed")
    resize = models.BatchPoolResizeOptions(target_dedicated_nodes=1)
    for change in (
        lambda: endless.begin_delete_pool("doomed"),
        lambda: endless.update_pool("doomed", models.BatchPoolUpdateOptions(metadata=[])),
        lambda: endless.begin_resize_pool("doomed", resize),
        lambda: endless.create_pool(new_pool("doomed")),
    ):
        assert code_of(change) == "PoolBeingDeleted"


@pytest.mark.operation("create_pool")
def test_account_has_a_quota_of_pools(endless: BatchClient) -> None:
    for number in range(3 - len(list(endless.list_pools()))):
        endless.create_pool(new_pool(f"last-{number}", 0))
    assert code_of(lambda: endless.create_pool(new_pool("too-many", 0))) == "PoolQuotaReached"


# -- counted --------------------------------------------------------------------------------


@pytest.mark.operation("list_pool_node_counts")
def test_nodes_are_counted_by_state_and_kind(client: BatchClient, empty_pool: str) -> None:
    client.create_pool(new_pool("counted", 2, target_low_priority_nodes=1))
    wait_for_nodes(client, "counted", 3)
    counts = {count.pool_id: count for count in client.list_pool_node_counts()}
    assert list(counts) == sorted(counts)
    none = dict.fromkeys(definite(counts[empty_pool].dedicated).as_dict(), 0)
    assert set(none) == {
        "creating",
        "deallocated",
        "deallocating",
        "idle",
        "leavingPool",
        "offline",
        "preempted",
        "rebooting",
        "reimaging",
        "running",
        "startTaskFailed",
        "starting",
        "total",
        "unknown",
        "unusable",
        "upgradingOS",
        "waitingForStartTask",
    }
    assert definite(counts[empty_pool].dedicated).as_dict() == none
    assert definite(counts["counted"].dedicated).as_dict() == {**none, "idle": 2, "total": 2}
    assert definite(counts["counted"].low_priority).as_dict() == {**none, "idle": 1, "total": 1}
    only = list(client.list_pool_node_counts(filter="poolId eq 'counted'"))
    assert [count.pool_id for count in only] == ["counted"]
    client.begin_delete_pool("counted")
