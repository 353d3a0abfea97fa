"""Nodes: shown and listed; their users, logins, logs and extensions."""

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
    as_sent,
    code_of,
    connect,
    new_job,
    new_pool,
    new_task,
    shell,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite
from tests.support.emulator import MakeEmulator
from tests.support.nodes import POOL, create_nodes


@pytest.fixture(scope="module")
def slow(make_emulator: MakeEmulator) -> Iterator[BatchClient]:
    """A client of an emulator whose nodes never come to their start task."""
    with connect(make_emulator(timings=Timings(resize=0, node_start=7200))) as client:
        yield client


@pytest.fixture(scope="module")
def node_ids(client: BatchClient) -> list[str]:
    """The nodes of the pool that all tests share."""
    return create_nodes(client)


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
def test_node_tells_of_its_tasks(client: BatchClient, tmp_path: Path) -> None:
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
