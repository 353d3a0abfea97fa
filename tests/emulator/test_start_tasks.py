"""Start tasks: what nodes run before all tasks, and what it means for the nodes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.storage.blob import (
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    generate_blob_sas,
)

from azurebatch_emulator import Emulator
from tests.support.batch import (
    QUICKLY,
    as_sent,
    new_job,
    new_pool,
    new_task,
    shell,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import definite, execution_of, node_id_of, start_of


@pytest.fixture(scope="module")
def container(azurite: str) -> Iterator[ContainerClient]:
    """A container with one blob, ``greeting``."""
    with BlobServiceClient.from_connection_string(azurite) as storage:
        container = storage.create_container(f"start-{uuid.uuid4()}")
        container.upload_blob("greeting", b"hello")
        yield container
        container.delete_container()


def start(
    client: BatchClient, name: str, script: str, state: str = "idle", **options: Any
) -> models.BatchNode:
    """Make a pool of one node that runs a start task, and wait for what becomes of the node."""
    task = models.BatchStartTask(command_line=shell(script), **options)
    client.create_pool(new_pool(name, 1, start_task=task))
    return wait_for_nodes(client, name, state=state)[0]


def file(client: BatchClient, node: models.BatchNode, path: str) -> str:
    pool_id = node.url.split("/")[-3]
    return b"".join(client.download_node_file(pool_id, node.id, path)).decode()


def failure(node: models.BatchNode) -> models.BatchTaskFailureInfo:
    info = start_of(node)
    assert (info.state, info.result) == ("completed", "failure")
    return definite(info.failure_info)


@pytest.mark.operation("get_node", "list_nodes", "download_node_file", "list_node_files")
def test_start_task_runs_and_its_streams_are_files_of_the_node(client: BatchClient) -> None:
    node = start(client, "streams", "echo out; echo err >&2; echo left > file")
    info = start_of(node)
    assert (info.state, info.exit_code, info.result, info.retry_count) == ("completed", 0, "success", 0)
    assert info.start_time <= definite(info.end_time)
    assert (info.failure_info, info.last_retry_time, info.container_info) == (None, None, None)
    assert file(client, node, "startup/stdout.txt") == "out\n"
    assert file(client, node, "startup/stderr.txt") == "err\n"
    assert file(client, node, "startup/wd/file") == "left\n"
    names = {file.name for file in client.list_node_files("streams", node.id, recursive=True)}
    assert {"startup/wd", "startup/certs", "volatile/startup", "workitems", "shared", "applications"} <= names


@pytest.mark.operation("create_pool")
def test_start_task_is_told_where_it_is_and_what_the_client_has_set(
    client: BatchClient, emulator: Emulator
) -> None:
    settings = [
        models.EnvironmentSetting(name="MINE", value="a b"),
        models.EnvironmentSetting(name="EMPTY"),
    ]
    node = start(client, "told", "pwd; env", environment_settings=settings)
    place, *lines = file(client, node, "startup/stdout.txt").splitlines()
    told = dict(line.partition("=")[::2] for line in lines)
    root = told["AZ_BATCH_NODE_ROOT_DIR"]
    assert place == told["AZ_BATCH_TASK_WORKING_DIR"] == f"{root}/startup/wd"
    assert {
        "AZ_BATCH_ACCOUNT_NAME": emulator.account,
        "AZ_BATCH_ACCOUNT_URL": f"{emulator.endpoint}/",
        "AZ_BATCH_POOL_ID": "told",
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "AZ_BATCH_NODE_SHARED_DIR": f"{root}/shared",
        "AZ_BATCH_NODE_STARTUP_DIR": f"{root}/startup",
        "AZ_BATCH_NODE_MOUNTS_DIR": f"{root}/fsmounts",
        "AZ_BATCH_TASK_DIR": f"{root}/startup",
        "MINE": "a b",
        "EMPTY": "",
    }.items() <= told.items()
    assert "AZ_BATCH_JOB_ID" not in told


@pytest.mark.operation("create_pool")
def test_resource_files_are_there_before_the_start_task(
    client: BatchClient, container: ContainerClient
) -> None:
    signature = generate_blob_sas(
        str(container.account_name),
        container.container_name,
        "greeting",
        account_key=container.credential.account_key,
        permission=BlobSasPermissions(read=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    files = [
        models.ResourceFile(
            http_url=f"{container.url}/greeting?{signature}", file_path="in/one", file_mode="0750"
        ),
        models.ResourceFile(auto_storage_container_name=container.container_name, file_path="all"),
    ]
    node = start(client, "files", "cat in/one all/greeting; stat -c %a in/one", resource_files=files)
    assert file(client, node, "startup/stdout.txt") == "hellohello750\n"


@pytest.mark.operation("get_node")
def test_missing_resource_file_fails_the_start_task_without_a_run(
    client: BatchClient, container: ContainerClient
) -> None:
    missing = models.ResourceFile(http_url=f"{container.url}/missing?sv=2021-08-06&sig=no", file_path="a")
    node = start(
        client,
        "unfetched",
        "true",
        "starttaskfailed",
        resource_files=[missing],
        max_task_retry_count=3,
    )
    assert failure(node).code == "BlobAccessDenied"
    assert (start_of(node).exit_code, start_of(node).retry_count) == (None, 0)


@pytest.mark.operation("get_node", "list_pool_node_counts")
def test_node_whose_start_task_fails_takes_no_tasks(client: BatchClient) -> None:
    node = start(client, "failing", "echo bad >&2; exit 3", "starttaskfailed")
    assert (failure(node).code, failure(node).category) == ("FailureExitCode", "UserError")
    assert (start_of(node).exit_code, start_of(node).retry_count) == (3, 0)
    assert node.scheduling_state == "enabled"
    assert file(client, node, "startup/stderr.txt") == "bad\n"
    (count,) = client.list_pool_node_counts(filter="poolId eq 'failing'")
    assert (definite(count.dedicated).start_task_failed, definite(count.dedicated).total) == (1, 1)
    assert client.get_pool("failing").current_dedicated_nodes == 1
    client.create_job(new_job("failing", "failing"))
    client.create_task("failing", new_task("task"))
    client.update_pool(
        "failing",
        models.BatchPoolUpdateOptions(start_task=models.BatchStartTask(command_line=shell("true"))),
    )
    assert client.get_task("failing", "task").state == "active"
    client.begin_reboot_node("failing", node.id, as_sent(nodeRebootOption="requeue"))
    assert node_id_of(wait_for_task(client, "failing", "task")) == node.id


@pytest.mark.operation("get_node")
def test_program_that_is_not_there_fails_the_start_task(client: BatchClient) -> None:
    task = models.BatchStartTask(command_line="no-such-program --at-all", max_task_retry_count=2)
    client.create_pool(new_pool("no-program", 1, start_task=task))
    node = wait_for_nodes(client, "no-program", state="starttaskfailed")[0]
    assert failure(node).code == "CommandProgramNotFound"
    assert start_of(node).exit_code is None


@pytest.mark.operation("get_node")
def test_start_task_is_tried_again_as_often_as_allowed(client: BatchClient) -> None:
    count = "echo x >> tries; exit $((5 - $(wc -l < tries)))"
    patient = start(client, "patient", count, max_task_retry_count=-1)
    info = start_of(patient)
    assert (info.result, info.exit_code, info.retry_count, info.failure_info) == ("success", 0, 4, None)
    assert info.start_time < definite(info.last_retry_time) <= definite(info.end_time)
    hasty = start(client, "hasty", count, "starttaskfailed", max_task_retry_count=2)
    assert (start_of(hasty).exit_code, start_of(hasty).retry_count) == (2, 2)
    assert len(file(client, hasty, "startup/wd/tries").splitlines()) == 3


@pytest.mark.operation("get_node")
def test_node_waits_for_its_start_task(client: BatchClient, tmp_path: Path) -> None:
    client.create_job(new_job("waiting", "waiting"))
    client.create_task("waiting", new_task("task"))
    node = start(
        client, "waiting", f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done", "waitingforstarttask"
    )
    running = definite(wait_for(lambda: client.get_node("waiting", node.id).start_task_info))
    assert (running.state, running.end_time, running.exit_code, running.result) == (
        "running",
        None,
        None,
        None,
    )
    assert client.get_task("waiting", "task").state == "active"
    (tmp_path / "go").touch()
    task = wait_for_task(client, "waiting", "task")
    ended = start_of(client.get_node("waiting", node.id))
    assert definite(ended.end_time) <= definite(execution_of(task).start_time)


@pytest.mark.operation("get_node")
def test_node_that_need_not_wait_takes_tasks_while_its_start_task_runs_and_after_it_failed(
    client: BatchClient, tmp_path: Path
) -> None:
    client.create_job(new_job("eager", "eager"))
    client.create_task("eager", new_task("during"))
    node = start(
        client,
        "eager",
        f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exit 1",
        wait_for_success=False,
    )
    wait_for_task(client, "eager", "during")
    assert start_of(client.get_node("eager", node.id)).state == "running"
    (tmp_path / "go").touch()
    failed = wait_for(
        lambda: client.get_node("eager", node.id), lambda node: start_of(node).state == "completed"
    )
    assert (failure(failed).code, failed.state) == ("FailureExitCode", "idle")
    client.create_task("eager", new_task("after"))
    wait_for_task(client, "eager", "after")


@pytest.mark.operation("create_pool", "get_node")
def test_start_task_runs_in_a_container_if_the_pool_has_them(
    client: BatchClient, matching_image: str
) -> None:
    task = models.BatchStartTask(
        command_line=shell("cat /.dockerenv; pwd; echo $AZ_BATCH_NODE_ID"),
        container_settings=models.BatchTaskContainerSettings(image_name=matching_image),
    )
    machine = models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(
            publisher="microsoft-dsvm", offer="ubuntu-hpc", sku="2404"
        ),
        node_agent_sku_id="batch.node.ubuntu 24.04",
        container_configuration=models.BatchContainerConfiguration(type="dockerCompatible"),
    )
    client.create_pool(new_pool("contained", 1, start_task=task, virtual_machine_configuration=machine))
    (node,) = wait_for_nodes(client, "contained")
    assert (start_of(node).exit_code, definite(start_of(node).container_info).state) == (0, "exited")
    assert definite(start_of(node).container_info).container_id
    place, told = file(client, node, "startup/stdout.txt").splitlines()
    assert place.endswith(f"{node.id}/startup/wd")
    assert told == node.id
    client.create_pool(new_pool("bare", 1, start_task=task))
    (node,) = wait_for_nodes(client, "bare", state="starttaskfailed")
    assert failure(node).code == "ContainerPoolNotSupported"


@pytest.mark.operation("remove_nodes", "delete_pool")
def test_start_task_ends_with_its_node(client: BatchClient, tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/pid; exec sleep 1000"
    start(client, "removed", script, "waitingforstarttask")
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    assert Path(f"/proc/{pid}").exists()
    client.begin_delete_pool("removed", **QUICKLY).wait()
    assert not Path(f"/proc/{pid}").exists()
