"""Nodes: shown, listed, restarted, stopped, kept from tasks; their users, logs and extensions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.batch import BatchClient, models
from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

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
from tests.support.definite import definite, execution_of, failure_of, node_id_of, node_of, start_of
from tests.support.emulator import MakeEmulator

POOL = "nodes"
"""The pool of two nodes that the tests share; each leaves it as it was."""


@pytest.fixture(scope="module")
def slow(make_emulator: MakeEmulator) -> Iterator[BatchClient]:
    """A client of an emulator whose nodes never come to their start task."""
    with connect(make_emulator(timings=Timings(resize=0, node_start=7200))) as client:
        yield client


@pytest.fixture(scope="module")
def node_ids(client: BatchClient) -> list[str]:
    """The nodes of the pool that all tests share."""
    client.create_pool(
        new_pool(
            POOL,
            2,
            start_task=models.BatchStartTask(command_line=shell("date +%s%N > started; date >> starts")),
        )
    )
    client.create_job(new_job(POOL, POOL))
    return [node.id for node in wait_for_nodes(client, POOL, 2)]


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


# -- shown and listed -----------------------------------------------------------------------


@pytest.mark.operation("get_node")
def test_idle_node_shows_all_that_is_known_of_it(
    client: BatchClient, emulator: Emulator, node_ids: list[str]
) -> None:
    name = node_ids[0]
    assert re.fullmatch("tvmps_[0-9a-f]{64}_d", name)
    shown = client.get_node(POOL, name).as_dict()
    times = ("stateTransitionTime", "lastBootTime", "allocationTime")
    assert all(datetime.fromisoformat(shown.pop(time)[:19]) for time in times)
    assert re.fullmatch(r"127\.\d+\.\d+\.\d+", shown.pop("ipAddress"))
    assert set(shown.pop("nodeAgentInfo")) == {"version", "lastUpdateTime"}
    assert set(shown.pop("startTaskInfo")) == {
        "state",
        "startTime",
        "endTime",
        "exitCode",
        "result",
        "retryCount",
    }
    assert shown.pop("startTask") == definite(client.get_pool(POOL).start_task).as_dict()
    assert shown == {
        "odata.metadata": f"{emulator.endpoint}/$metadata#nodes/@Element",
        "id": name,
        "url": f"{emulator.endpoint}/pools/{POOL}/nodes/{name}",
        "state": "idle",
        "schedulingState": "enabled",
        "affinityId": f"TVM:{name}",
        "vmSize": "standard_d2",
        "totalTasksRun": 0,
        "totalTasksSucceeded": 0,
        "runningTasksCount": 0,
        "runningTaskSlotsCount": 0,
        "isDedicated": True,
        "virtualMachineInfo": {
            "imageReference": {
                "publisher": "debian",
                "offer": "debian-12",
                "sku": "12",
                "version": "latest",
                "exactVersion": "latest",
            }
        },
    }


@pytest.mark.operation("get_node", "list_nodes")
def test_new_node_shows_nothing_of_a_start_that_it_has_not_had(slow: BatchClient) -> None:
    slow.create_pool(new_pool("slow", 1, start_task=models.BatchStartTask(command_line=shell("true"))))
    node = wait_for_nodes(slow, "slow", state="creating")[0]
    boot_time: object = node.last_boot_time  # declared as if it were always there
    assert (boot_time, node.node_agent_info, node.start_task, node.recent_tasks) == (None,) * 4
    for action in (
        lambda: slow.begin_reboot_node("slow", node.id, as_sent(nodeRebootOption="requeue")),
        lambda: slow.disable_node_scheduling("slow", node.id, as_sent(nodeDisableSchedulingOption="requeue")),
        lambda: slow.create_node_user("slow", node.id, models.BatchNodeUserCreateOptions(name="a")),
    ):
        assert code_of(action) == "NodeBeingCreated"
    slow.create_job(new_job("slow", "slow"))
    slow.create_task("slow", new_task("task"))
    slow.begin_remove_nodes("slow", models.BatchNodeRemoveOptions(node_ids=[node.id]))
    wait_for_nodes(slow, "slow", 0)
    assert slow.get_task("slow", "task").state == "active"


@pytest.mark.operation("get_node", "list_nodes")
def test_nodes_and_pools_that_are_not_there_are_not_found(client: BatchClient, node_ids: list[str]) -> None:
    assert code_of(lambda: client.get_node(POOL, "missing")) == "NodeNotFound"
    assert code_of(lambda: client.get_node("missing", node_ids[0])) == "PoolNotFound"
    assert code_of(lambda: list(client.list_nodes("missing"))) == "PoolNotFound"


@pytest.mark.operation("list_nodes")
def test_nodes_are_listed_by_pages_filter_and_selection(client: BatchClient, node_ids: list[str]) -> None:
    pages = client.list_nodes(POOL, max_results=1).by_page()
    assert [[node.id for node in page] for page in pages] == [[name] for name in node_ids]
    idle = list(client.list_nodes(POOL, filter="state eq 'idle'", select=["id", "state"]))
    assert [node.as_dict() for node in idle] == [{"id": name, "state": "idle"} for name in node_ids]
    assert list(client.list_nodes(POOL, filter="state eq 'running' or state eq 'offline'")) == []


@pytest.mark.operation("get_node")
def test_node_tells_of_its_tasks(client: BatchClient, node_id: str, tmp_path: Path) -> None:
    client.create_pool(new_pool("slots", 1, task_slots_per_node=4))
    client.create_job(new_job("slots", "slots"))
    script = f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    for number in range(2):
        client.create_task("slots", new_task(f"t{number}", script, required_slots=number + 1))
        wait_for_task(client, "slots", f"t{number}", "running")
    client.create_task("slots", new_task("t2", "exit 3"))
    wait_for_task(client, "slots", "t2")
    node = next(client.list_nodes("slots"))
    assert (node.state, node.running_tasks_count, node.running_task_slots_count) == ("running", 2, 3)
    assert (node.total_tasks_run, node.total_tasks_succeeded) == (3, 0)
    recent = definite(node.recent_tasks)
    assert [(task.task_id, task.task_state) for task in recent] == [
        ("t2", "completed"),
        ("t1", "running"),
        ("t0", "running"),
    ]
    assert recent[0].job_id == "slots"
    assert recent[0].task_url == client.get_task("slots", "t2").url
    assert recent[0].execution_info == client.get_task("slots", "t2").execution_info
    (tmp_path / "go").touch()
    for number in range(2):
        wait_for_task(client, "slots", f"t{number}")
    idle = wait_for_nodes(client, "slots")[0]
    assert (idle.running_tasks_count, idle.running_task_slots_count, idle.total_tasks_succeeded) == (0, 0, 2)


@pytest.mark.operation("get_node")
def test_node_shows_how_the_ports_of_its_pool_are_reached(client: BatchClient) -> None:
    ports = models.BatchInboundNatPool(
        name="web",
        protocol="tcp",
        backend_port=8080,
        frontend_port_range_start=15000,
        frontend_port_range_end=15100,
    )
    endpoints = models.BatchPoolEndpointConfiguration(inbound_nat_pools=[ports])
    network = models.NetworkConfiguration(endpoint_configuration=endpoints)
    client.create_pool(new_pool("ports", 2, network_configuration=network))
    nodes = wait_for_nodes(client, "ports", 2)
    shown = [definite(node.endpoint_configuration).inbound_endpoints for node in nodes]
    assert sorted(endpoint.name for (endpoint,) in shown) == ["web.0", "web.1"]
    for node, (endpoint,) in zip(nodes, shown):
        assert (endpoint.protocol, endpoint.backend_port) == ("tcp", 8080)
        assert endpoint.public_ip_address == node.ip_address


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


def occupy(client: BatchClient, task_id: str, wait_in: Path) -> models.BatchTask:
    """Run a task until there is a file ``go``."""
    client.create_task(POOL, new_task(task_id, f"while [ ! -e {wait_in}/go ]; do sleep 0.05; done"))
    return wait_for_task(client, POOL, task_id, "running")


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


# -- users, logins, logs, extensions --------------------------------------------------------


@pytest.mark.operation("create_node_user", "replace_node_user", "delete_node_user")
@pytest.mark.partial("create_node_user", "no account is made on the host: no login is possible")
def test_users_of_a_node_are_made_changed_and_deleted(client: BatchClient, node_ids: list[str]) -> None:
    node, user = node_ids[0], models.BatchNodeUserCreateOptions(name="Someone", is_admin=True)
    until = models.BatchNodeUserReplaceOptions(
        password="secret", expiry_time=datetime.now(timezone.utc) + timedelta(days=1)
    )
    assert code_of(lambda: client.replace_node_user(POOL, node, "someone", until)) == "NodeUserNotFound"
    client.create_node_user(POOL, node, user)
    assert code_of(lambda: client.create_node_user(POOL, node, user)) == "NodeUserExists"
    client.replace_node_user(POOL, node, "someone", until)
    client.delete_node_user(POOL, node, "Someone")
    assert code_of(lambda: client.delete_node_user(POOL, node, "Someone")) == "NodeUserNotFound"


@pytest.mark.operation("get_node_remote_login_settings")
@pytest.mark.partial("get_node_remote_login_settings", "nothing listens there")
def test_node_tells_where_one_would_log_in(client: BatchClient, node_ids: list[str]) -> None:
    settings = client.get_node_remote_login_settings(POOL, node_ids[0])
    assert settings.remote_login_ip_address == client.get_node(POOL, node_ids[0]).ip_address
    assert settings.remote_login_port == 22


@pytest.fixture(scope="module")
def container(azurite: str) -> Iterator[ContainerClient]:
    """A container for logs."""
    with BlobServiceClient.from_connection_string(azurite) as storage:
        container = storage.create_container("node-logs")
        yield container
        container.delete_container()


def writable(container: ContainerClient) -> str:
    """The container's address, with the right to write."""
    signature = generate_container_sas(
        str(container.account_name),
        container.container_name,
        account_key=container.credential.account_key,
        permission=ContainerSasPermissions(write=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    return f"{container.url}?{signature}"


@pytest.mark.operation("upload_node_logs")
@pytest.mark.partial("upload_node_logs", "all nodes share the log of the service")
def test_logs_of_a_node_are_uploaded(
    client: BatchClient, emulator: Emulator, node_ids: list[str], container: ContainerClient
) -> None:
    result = client.upload_node_logs(
        POOL,
        node_ids[0],
        models.UploadBatchServiceLogsOptions(
            container_url=writable(container), start_time=datetime.now(timezone.utc) - timedelta(hours=1)
        ),
    )
    uploaded = [blob.name for blob in container.list_blobs(result.virtual_directory_name)]
    assert re.fullmatch(
        rf"{emulator.account}-[0-9a-f]{{16}}/{POOL}/{node_ids[0]}/[0-9a-f-]{{36}}",
        result.virtual_directory_name,
    )
    assert (uploaded, result.number_of_files_uploaded) == (
        [f"{result.virtual_directory_name}/service.log"],
        1,
    )
    log = container.download_blob(uploaded[0]).readall()
    assert b"Uvicorn running" in log


@pytest.mark.operation("upload_node_logs")
def test_logs_of_another_time_are_not_uploaded(
    client: BatchClient, node_ids: list[str], container: ContainerClient
) -> None:
    now = datetime.now(timezone.utc)
    for start, end in ((now + timedelta(hours=1), None), (now - timedelta(days=2), now - timedelta(days=1))):
        result = client.upload_node_logs(
            POOL,
            node_ids[0],
            models.UploadBatchServiceLogsOptions(
                container_url=writable(container), start_time=start, end_time=end
            ),
        )
        assert result.number_of_files_uploaded == 0
        assert list(container.list_blobs(result.virtual_directory_name)) == []


@pytest.mark.operation("upload_node_logs")
def test_logs_cannot_go_where_nobody_may_write(
    client: BatchClient, node_ids: list[str], container: ContainerClient
) -> None:
    options = models.UploadBatchServiceLogsOptions(
        container_url=container.url, start_time=datetime.now(timezone.utc) - timedelta(hours=1)
    )
    assert code_of(lambda: client.upload_node_logs(POOL, node_ids[0], options)) == "InvalidPropertyValue"


@pytest.mark.operation("list_node_extensions", "get_node_extension")
@pytest.mark.partial("list_node_extensions", "there are none")
@pytest.mark.partial("get_node_extension", "there are none")
def test_nodes_have_no_extensions(client: BatchClient, node_ids: list[str]) -> None:
    assert list(client.list_node_extensions(POOL, node_ids[0])) == []
    assert code_of(lambda: client.get_node_extension(POOL, node_ids[0], "any")) == "NodeExtensionNotFound"
    assert code_of(lambda: list(client.list_node_extensions(POOL, "missing"))) == "NodeNotFound"
