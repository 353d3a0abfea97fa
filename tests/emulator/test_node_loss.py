"""Nodes that vanish, one by one or all with the service; tasks run again, and the pools recover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator, Timings
from tests.support.batch import (
    QUICKLY,
    as_sent,
    code_of,
    connect,
    new_job,
    new_pool,
    new_task,
    shell,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite, execution_of, node_id_of, node_of, start_of


def lose(emulator: Emulator, pool_id: str, **options: Any) -> str:
    """Have a node vanish; returns which."""
    answer = httpx.post(f"{emulator.endpoint}/control/losenode", json={"poolId": pool_id, **options})
    answer.raise_for_status()
    return str(answer.json()["nodeId"])


def occupy(client: BatchClient, pool: models.BatchPoolCreateOptions, wait_in: Path) -> models.BatchTask:
    """Make a pool with a task that runs until there is a file ``go``."""
    client.create_pool(pool)
    client.create_job(new_job(pool.id, pool.id))
    script = f"echo $AZ_BATCH_NODE_ID; while [ ! -e {wait_in}/go ]; do sleep 0.05; done"
    client.create_task(pool.id, new_task("task", script))
    return wait_for_task(client, pool.id, "task", "running")


def node(client: BatchClient, task: models.BatchTask) -> models.BatchNode:
    return client.get_node(definite(node_of(task).pool_id), node_id_of(task))


@pytest.mark.operation("get_node", "list_pool_node_counts")
def test_preempted_node_comes_back_empty_under_its_name_and_its_task_runs_again(
    client: BatchClient, emulator: Emulator, tmp_path: Path
) -> None:
    started = models.BatchStartTask(command_line=shell("date +%s%N > started"))
    pool = new_pool("spot", target_dedicated_nodes=0, target_low_priority_nodes=1, start_task=started)
    before = occupy(client, pool, tmp_path)
    old = node(client, before)
    assert old.is_dedicated is False
    assert lose(emulator, "spot", nodeId=old.id) == old.id
    again = wait_for(
        lambda: client.get_task("spot", "task"),
        lambda task: task.state == "running" and execution_of(task).requeue_count == 1,
    )
    assert node_id_of(again) == old.id
    assert execution_of(again).retry_count == 0
    assert definite(execution_of(again).start_time) > definite(execution_of(before).start_time)
    new = node(client, again)
    assert (new.allocation_time, new.ip_address) == (old.allocation_time, old.ip_address)
    assert new.last_boot_time > old.last_boot_time
    assert start_of(new).start_time > start_of(old).start_time
    (tmp_path / "go").touch()
    assert execution_of(wait_for_task(client, "spot", "task")).result == "success"


@pytest.mark.operation("get_node", "list_pool_node_counts", "get_pool")
def test_preempted_node_stays_in_its_pool_while_there_is_no_replacement(azurite: str, tmp_path: Path) -> None:
    with (
        Emulator(storage_connection_string=azurite, faults=True, timings=Timings(resize=1.5)) as emulator,
        connect(emulator) as client,
    ):
        pool = new_pool("rare", target_dedicated_nodes=0, target_low_priority_nodes=2)
        before = occupy(client, pool, tmp_path)
        lost = node_id_of(before)
        lose(emulator, "rare", nodeId=lost)
        preempted = client.get_node("rare", lost)
        assert preempted.state == "preempted"
        shown = client.get_pool("rare")
        assert (shown.current_low_priority_nodes, shown.allocation_state) == (2, "steady")
        (count,) = client.list_pool_node_counts(filter="poolId eq 'rare'")
        assert (definite(count.low_priority).preempted, definite(count.low_priority).total) == (1, 2)
        reboot = as_sent(nodeRebootOption="requeue")
        assert code_of(lambda: client.begin_reboot_node("rare", lost, reboot)) == "NodeNotReady"
        elsewhere = wait_for(
            lambda: client.get_task("rare", "task"),
            lambda task: task.state == "running" and execution_of(task).requeue_count == 1,
        )
        assert node_id_of(elsewhere) != lost
        back = wait_for(lambda: client.get_node("rare", lost), lambda node: node.state == "idle")
        assert back.running_tasks_count == 0
        assert list(client.list_node_files("rare", lost, filter="startswith(name,'workitems/')")) == []
        (tmp_path / "go").touch()
        wait_for_task(client, "rare", "task")


@pytest.mark.operation("get_node", "remove_nodes", "resize_pool")
@pytest.mark.parametrize("state", ["unusable", "unknown"])
def test_lost_node_stays_lost_until_it_is_removed(
    client: BatchClient, emulator: Emulator, tmp_path: Path, state: str
) -> None:
    before = occupy(client, new_pool(state, 1), tmp_path)
    lost = lose(emulator, state, state=state)
    assert lost == node_id_of(before)
    waiting = wait_for_task(client, state, "task", "active")
    assert execution_of(waiting).requeue_count == 1
    assert client.get_node(state, lost).state == state
    assert client.get_pool(state).current_dedicated_nodes == 1
    client.begin_remove_nodes(state, models.BatchNodeRemoveOptions(node_ids=[lost]), **QUICKLY).wait()
    client.begin_resize_pool(state, models.BatchPoolResizeOptions(target_dedicated_nodes=1))
    again = wait_for_task(client, state, "task", "running")
    assert node_id_of(again) != lost
    (tmp_path / "go").touch()
    wait_for_task(client, state, "task")


@pytest.mark.operation("resize_pool")
def test_shrinking_pool_gives_up_nodes_that_are_of_no_use_first(
    client: BatchClient, emulator: Emulator, tmp_path: Path
) -> None:
    client.create_pool(new_pool("useful", 3))
    nodes = [node.id for node in wait_for_nodes(client, "useful", 3)]
    lost = lose(emulator, "useful", state="unusable")
    client.create_job(new_job("useful", "useful"))
    client.create_task("useful", new_task("task", f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"))
    busy = node_id_of(wait_for_task(client, "useful", "task", "running"))
    for size, left in ((2, set(nodes) - {lost}), (1, {busy})):
        client.begin_resize_pool(
            "useful", models.BatchPoolResizeOptions(target_dedicated_nodes=size), **QUICKLY
        ).wait()
        assert {node.id for node in client.list_nodes("useful")} == left
    (tmp_path / "go").touch()
    assert execution_of(wait_for_task(client, "useful", "task")).requeue_count == 0


def test_node_that_is_not_there_cannot_be_lost(client: BatchClient, emulator: Emulator) -> None:
    client.create_pool(new_pool("none", 0))
    for order in ({"poolId": "none"}, {"poolId": "none", "nodeId": "a"}, {"poolId": "nowhere"}):
        assert httpx.post(f"{emulator.endpoint}/control/losenode", json=order).status_code == 404


@pytest.mark.operation("get_pool", "list_nodes", "get_node")
def test_pools_and_nodes_are_there_again_after_the_service_was_killed(azurite: str, tmp_path: Path) -> None:
    timings = Timings(resize=0)
    with (
        Emulator(storage_connection_string=azurite, faults=True, timings=timings) as emulator,
        connect(emulator) as client,
    ):
        started = models.BatchStartTask(command_line=shell("echo started >> starts"))
        task = occupy(client, new_pool("pool", 4, start_task=started), tmp_path)
        before = wait_for(
            lambda: {node.id: node for node in client.list_nodes("pool")},
            lambda nodes: sorted(node.state for node in nodes.values()) == ["idle"] * 3 + ["running"],
        )
        busy = node_id_of(task)
        offline, stopped, lost = sorted(before.keys() - {busy})
        client.disable_node_scheduling("pool", offline, as_sent(nodeDisableSchedulingOption="requeue"))
        client.begin_deallocate_node(
            "pool", stopped, as_sent(nodeDeallocateOption="requeue"), **QUICKLY
        ).wait()
        lose(emulator, "pool", nodeId=lost, state="unusable")
        shown = client.get_pool("pool").as_dict()
        emulator.kill()
        emulator.restart()
        assert client.get_pool("pool").as_dict() == shown
        again = wait_for(
            lambda: client.get_task("pool", "task"),
            lambda task: task.state == "running" and execution_of(task).requeue_count == 1,
        )
        assert node_id_of(again) == busy
        after = wait_for(
            lambda: {node.id: node for node in client.list_nodes("pool")},
            lambda nodes: nodes[offline].state == "offline",
        )
        assert {name: node.state for name, node in after.items()} == {
            busy: "running",
            offline: "offline",
            stopped: "deallocated",
            lost: "unusable",
        }
        for name, node in after.items():
            assert (node.ip_address, node.url) == (before[name].ip_address, before[name].url)
        assert after[busy].last_boot_time > before[busy].last_boot_time
        starts = b"".join(client.download_node_file("pool", busy, "startup/wd/starts"))
        assert starts == b"started\n" * 2
        client.begin_resize_pool("pool", models.BatchPoolResizeOptions(target_dedicated_nodes=6))
        nodes = wait_for(lambda: list(client.list_nodes("pool")), lambda nodes: len(nodes) == 6)
        assert len({node.ip_address for node in nodes}) == 6
        (tmp_path / "go").touch()
        wait_for_task(client, "pool", "task")


@pytest.mark.operation("resize_pool", "delete_pool", "remove_nodes", "enable_pool_auto_scale")
def test_what_was_under_way_goes_on_after_the_service_was_killed(azurite: str, tmp_path: Path) -> None:
    with (
        Emulator(storage_connection_string=azurite, faults=True, timings=Timings(resize=0.5)) as emulator,
        connect(emulator) as client,
    ):
        occupied = occupy(client, new_pool("shrinking", 2), tmp_path)
        for name in ("growing", "going"):
            client.create_pool(new_pool(name, 1))
        client.create_pool(
            new_pool(
                "scaling",
                target_dedicated_nodes=None,
                enable_auto_scale=True,
                auto_scale_formula="$TargetDedicatedNodes=1",
            )
        )
        wait_for(lambda: client.get_pool("going"), lambda pool: pool.allocation_state == "steady")
        busy = node_id_of(occupied)
        client.begin_remove_nodes(
            "shrinking",
            models.BatchNodeRemoveOptions(node_ids=[busy], node_deallocation_option="taskcompletion"),
        )
        wait_for(lambda: client.get_node("shrinking", busy), lambda node: node.state == "leavingpool")
        wait_for_nodes(client, "scaling", 1)
        wait_for(lambda: client.get_pool("growing"), lambda pool: pool.allocation_state == "steady")
        client.begin_resize_pool("growing", models.BatchPoolResizeOptions(target_dedicated_nodes=2))
        client.begin_delete_pool("going")
        preempted = lose(emulator, "scaling")
        emulator.kill()
        emulator.restart()
        wait_for_nodes(client, "growing", 2)
        assert [node.id for node in wait_for_nodes(client, "scaling", 1)] == [preempted]
        wait_for(lambda: "going" not in [pool.id for pool in client.list_pools()])
        (tmp_path / "go").touch()
        task = wait_for_task(client, "shrinking", "task")
        assert execution_of(task).requeue_count == 1
        (left,) = wait_for(lambda: list(client.list_nodes("shrinking")), lambda nodes: len(nodes) == 1)
        assert left.id != busy
        assert client.get_pool("scaling").enable_auto_scale is True
