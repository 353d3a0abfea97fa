"""Nodes: restarted, stopped and kept from tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient, models

from tests.support.batch import (
    QUICKLY,
    as_sent,
    code_of,
    new_task,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite, execution_of, failure_of, node_id_of, node_of, start_of
from tests.support.nodes import POOL, create_nodes


@pytest.fixture(scope="module")
def node_ids(client: BatchClient) -> list[str]:
    """The nodes of the pool that all tests share."""
    return create_nodes(client)


@pytest.fixture
def node_id(client: BatchClient, node_ids: list[str]) -> Iterator[str]:
    """A node to play with; the other one takes no tasks meanwhile."""
    client.disable_node_scheduling(POOL, node_ids[1], as_sent(nodeDisableSchedulingOption="requeue"))
    yield node_ids[0]
    client.enable_node_scheduling(POOL, node_ids[1])
    wait_for_nodes(client, POOL, 2)


def wait_for_state(client: BatchClient, node_id: str, state: str) -> models.BatchNode:
    return wait_for(lambda: client.get_node(POOL, node_id), lambda node: node.state == state)


def file(client: BatchClient, node_id: str, path: str) -> str:
    return b"".join(client.download_node_file(POOL, node_id, path)).decode()


def occupy(client: BatchClient, task_id: str, wait_in: Path) -> models.BatchTask:
    """Run a task until there is a file ``go``."""
    client.create_task(POOL, new_task(task_id, f"while [ ! -e {wait_in}/go ]; do sleep 0.05; done"))
    return wait_for_task(client, POOL, task_id, "running")


# -- restarted and stopped ------------------------------------------------------------------


@pytest.mark.operation("reboot_node", "get_node")
def test_rebooted_node_runs_its_start_task_again_and_keeps_its_files(
    client: BatchClient, node_id: str
) -> None:
    before, started = client.get_node(POOL, node_id), file(client, node_id, "startup/wd/started")
    client.begin_reboot_node(POOL, node_id, as_sent(nodeRebootOption="requeue"), **QUICKLY).wait()
    after = wait_for_state(client, node_id, "idle")
    assert file(client, node_id, "startup/wd/started") != started
    assert len(file(client, node_id, "startup/wd/starts").splitlines()) == 2
    assert after.last_boot_time > before.last_boot_time
    assert start_of(after).start_time > definite(start_of(before).end_time)
    assert (after.allocation_time, after.ip_address) == (before.allocation_time, before.ip_address)


@pytest.mark.operation("reimage_node", "get_node")
def test_reimaged_node_begins_with_nothing(client: BatchClient, node_id: str) -> None:
    client.create_node_user(POOL, node_id, models.BatchNodeUserCreateOptions(name="someone"))
    client.create_task(POOL, new_task("litter", "echo litter > $AZ_BATCH_NODE_SHARED_DIR/litter"))
    wait_for_task(client, POOL, "litter")
    assert file(client, node_id, "shared/litter") == "litter\n"
    client.begin_reimage_node(POOL, node_id, as_sent(nodeReimageOption="requeue"), **QUICKLY).wait()
    wait_for_state(client, node_id, "idle")
    assert "shared/litter" not in [
        file.name for file in client.list_node_files(POOL, node_id, recursive=True)
    ]
    assert len(file(client, node_id, "startup/wd/starts").splitlines()) == 1
    assert code_of(lambda: client.delete_node_user(POOL, node_id, "someone")) == "NodeUserNotFound"


@pytest.mark.operation("reboot_node", "get_node")
def test_node_says_that_it_reboots_while_it_waits_for_its_tasks(
    client: BatchClient, node_id: str, tmp_path: Path
) -> None:
    before = client.get_node(POOL, node_id)
    occupy(client, "patient", tmp_path)
    client.begin_reboot_node(POOL, node_id, as_sent(nodeRebootOption="taskcompletion"))
    rebooting = client.get_node(POOL, node_id)
    assert (rebooting.state, rebooting.running_tasks_count) == ("rebooting", 1)
    assert rebooting.last_boot_time == before.last_boot_time
    for action in (
        lambda: client.begin_reboot_node(POOL, node_id, as_sent(nodeRebootOption="requeue")),
        lambda: client.begin_deallocate_node(POOL, node_id, as_sent(nodeDeallocateOption="requeue")),
        lambda: client.get_node_remote_login_settings(POOL, node_id),
    ):
        assert code_of(action) == "NodeBeingRebooted"
    (tmp_path / "go").touch()
    assert execution_of(wait_for_task(client, POOL, "patient")).requeue_count == 0
    wait_for_state(client, node_id, "idle")


@pytest.mark.operation("reboot_node")
def test_rebooted_node_puts_its_task_back_and_runs_it_again(
    client: BatchClient, node_id: str, tmp_path: Path
) -> None:
    occupy(client, "rebooted", tmp_path)
    client.begin_reboot_node(POOL, node_id, as_sent(nodeRebootOption="requeue"))
    wait_for(lambda: client.get_task(POOL, "rebooted"), lambda task: execution_of(task).requeue_count == 1)
    (tmp_path / "go").touch()
    task = wait_for_task(client, POOL, "rebooted")
    assert (node_of(task).node_id, execution_of(task).result) == (node_id, "success")


@pytest.mark.operation("reboot_node")
def test_rebooted_node_ends_its_task_if_asked(client: BatchClient, node_id: str, tmp_path: Path) -> None:
    occupy(client, "cut-short", tmp_path)
    client.begin_reboot_node(POOL, node_id, as_sent(nodeRebootOption="terminate"))
    ended = execution_of(wait_for_task(client, POOL, "cut-short"))
    assert (definite(ended.failure_info).code, ended.requeue_count) == ("TaskEnded", 0)
    wait_for_state(client, node_id, "idle")


@pytest.mark.operation("deallocate_node", "start_node", "get_node")
def test_deallocated_node_takes_no_tasks_until_it_is_started(client: BatchClient, node_id: str) -> None:
    before = client.get_node(POOL, node_id)
    assert code_of(lambda: client.begin_start_node(POOL, node_id)) == "OperationInvalidForCurrentState"
    client.begin_deallocate_node(POOL, node_id, as_sent(nodeDeallocateOption="requeue"), **QUICKLY).wait()
    stopped = wait_for_state(client, node_id, "deallocated")
    assert stopped.scheduling_state == "disabled"
    assert stopped.state_transition_time > before.state_transition_time
    client.create_task(POOL, new_task("stopped"))
    assert client.get_task(POOL, "stopped").state == "active"
    assert client.get_pool(POOL).current_dedicated_nodes == 2
    client.begin_start_node(POOL, node_id, **QUICKLY).wait()
    wait_for_task(client, POOL, "stopped")
    started = wait_for_state(client, node_id, "idle")
    assert started.scheduling_state == "enabled"
    assert started.last_boot_time > before.last_boot_time
    assert start_of(started).start_time > start_of(before).start_time


# -- kept from tasks ------------------------------------------------------------------------


@pytest.mark.operation("disable_node_scheduling", "enable_node_scheduling", "get_node")
def test_idle_node_is_offline_until_it_may_take_tasks_again(client: BatchClient, node_id: str) -> None:
    before = client.get_node(POOL, node_id)
    assert (
        code_of(lambda: client.enable_node_scheduling(POOL, node_id)) == "NodeAlreadyInTargetSchedulingState"
    )
    client.disable_node_scheduling(POOL, node_id, as_sent(nodeDisableSchedulingOption="requeue"))
    offline = client.get_node(POOL, node_id)
    assert (offline.state, offline.scheduling_state) == ("offline", "disabled")
    assert offline.state_transition_time > before.state_transition_time
    assert (
        code_of(
            lambda: client.disable_node_scheduling(
                POOL, node_id, as_sent(nodeDisableSchedulingOption="requeue")
            )
        )
        == "NodeAlreadyInTargetSchedulingState"
    )
    client.create_task(POOL, new_task("held-up"))
    assert client.get_task(POOL, "held-up").state == "active"
    client.enable_node_scheduling(POOL, node_id)
    assert node_id_of(wait_for_task(client, POOL, "held-up")) == node_id


@pytest.mark.operation("enable_node_scheduling", "get_node")
def test_node_that_was_offline_is_idle_since_before(client: BatchClient, node_ids: list[str]) -> None:
    before = client.get_node(POOL, node_ids[1])
    client.disable_node_scheduling(POOL, node_ids[1], as_sent(nodeDisableSchedulingOption="requeue"))
    client.enable_node_scheduling(POOL, node_ids[1])
    after = client.get_node(POOL, node_ids[1])
    assert (after.state, after.state_transition_time) == ("idle", before.state_transition_time)


@pytest.mark.operation("disable_node_scheduling")
def test_node_that_takes_no_more_tasks_puts_its_task_back(
    client: BatchClient, node_id: str, tmp_path: Path
) -> None:
    occupy(client, "put-back", tmp_path)
    client.disable_node_scheduling(
        POOL, node_id, models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    )
    task = wait_for_task(client, POOL, "put-back", "active")
    assert execution_of(task).requeue_count == 1
    wait_for_state(client, node_id, "offline")
    (tmp_path / "go").touch()
    client.enable_node_scheduling(POOL, node_id)
    assert execution_of(wait_for_task(client, POOL, "put-back")).result == "success"


@pytest.mark.operation("disable_node_scheduling")
def test_node_that_takes_no_more_tasks_ends_its_task(
    client: BatchClient, node_id: str, tmp_path: Path
) -> None:
    occupy(client, "ended", tmp_path)
    client.disable_node_scheduling(POOL, node_id, as_sent(nodeDisableSchedulingOption="terminate"))
    ended = wait_for_task(client, POOL, "ended")
    assert failure_of(ended).code == "TaskEnded"
    wait_for_state(client, node_id, "offline")
    client.enable_node_scheduling(POOL, node_id)


@pytest.mark.operation("disable_node_scheduling", "enable_node_scheduling", "get_node")
def test_node_that_takes_no_more_tasks_finishes_its_task(
    client: BatchClient, node_id: str, tmp_path: Path
) -> None:
    occupy(client, "finished", tmp_path)
    client.disable_node_scheduling(POOL, node_id, as_sent(nodeDisableSchedulingOption="taskcompletion"))
    node = client.get_node(POOL, node_id)
    assert (node.state, node.scheduling_state) == ("running", "disabled")
    (tmp_path / "go").touch()
    assert execution_of(wait_for_task(client, POOL, "finished")).result == "success"
    wait_for_state(client, node_id, "offline")
    client.enable_node_scheduling(POOL, node_id)
