"""Tasks in containers of the Docker engine: image, options, entry point, and what failures show."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    connect,
    make_job,
    new_pool,
    new_task,
    read_file,
    run_task,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.blobs import container_url, new_container, output, stored
from tests.support.definite import definite, execution_of, failure_of
from tests.support.emulator import AT_ONCE
from tests.support.registry import Registry

pytestmark = pytest.mark.operation("create_task", "get_task")


def container_pool(pool_id: str, **options: Any) -> models.BatchPoolCreateOptions:
    """A pool whose nodes run containers."""
    pool = new_pool(pool_id, task_slots_per_node=4)
    definite(pool.virtual_machine_configuration).container_configuration = models.BatchContainerConfiguration(
        type="dockerCompatible", **options
    )
    return pool


@pytest.fixture(scope="module")
def node(client: BatchClient) -> models.BatchNode:
    """The node that the tests share."""
    client.create_pool(container_pool("pool"))
    return wait_for_nodes(client, "pool")[0]


@pytest.fixture
def job(client: BatchClient, node: models.BatchNode) -> str:
    return make_job(client)


@pytest.fixture(scope="module")
def image_with_entry_point(matching_image: str) -> Iterator[str]:
    """An image with an entry point, a command, a directory and variables of its own."""
    name = f"remotebatch-test/entry:{uuid.uuid4().hex[:8]}"
    container = docker("create", matching_image, "true").strip()
    changes = (
        'ENTRYPOINT ["/bin/sh", "-c", "pwd; echo own entry point, $WORD, $0"]',
        'CMD ["own command"]',
        "WORKDIR /var/lib",
        "ENV WORD=word PATH=/own/bin:/usr/bin:/bin",
    )
    options = [part for change in changes for part in ("--change", change)]
    docker("commit", *options, container, name)
    docker("rm", container)
    yield name
    docker("rmi", name)


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def settings(image: str, **options: Any) -> models.BatchTaskContainerSettings:
    return models.BatchTaskContainerSettings(image_name=image, **options)


def details(task: models.BatchTask) -> dict[str, str]:
    return {str(one.name): str(one.value) for one in failure_of(task).details or ()}


def left_containers(emulator: Emulator) -> list[str]:
    """Containers of an emulator that the engine still knows."""
    label = f"label=remotebatch.root={emulator.data}"
    return docker("ps", "--all", "--quiet", "--filter", label).split()


@pytest.mark.partial("get_task", "containerInfo is shown only once the container has ended")
def test_a_task_runs_in_its_image_and_sees_its_node(
    emulator: Emulator, client: BatchClient, node: models.BatchNode, job: str, other_image: str
) -> None:
    version = other_image.rpartition(":")[2]
    script = (
        "python3 -V; pwd; echo $OWN; ls $AZ_BATCH_NODE_ROOT_DIR; echo err >&2; echo kept > file; "
        "echo shared > $AZ_BATCH_NODE_SHARED_DIR/from-container"
    )
    environment = [models.EnvironmentSetting(name="OWN", value="a  b")]
    task = new_task("t", script, container_settings=settings(other_image), environment_settings=environment)
    ended = run_task(client, job, task)
    assert execution_of(ended).exit_code == 0
    lines = read_file(client, job, "t").splitlines()
    assert lines[0].startswith(f"Python {version}.")
    root = os.path.join(emulator.data, "nodes", "pool", node.id)
    assert lines[1] == os.path.join(root, "workitems", job, "job-1", "t", "wd")
    assert lines[2] == "a b"
    assert lines[3:] == ["applications", "fsmounts", "shared", "startup", "volatile", "workitems"]
    assert read_file(client, job, "t", "stderr.txt") == "err\n"
    assert read_file(client, job, "t", "wd/file") == "kept\n"
    shared = client.download_node_file("pool", node.id, "shared/from-container")
    assert b"".join(shared) == b"shared\n"
    info = definite(execution_of(ended).container_info)
    assert (len(definite(info.container_id)), info.state) == (64, "exited")
    assert left_containers(emulator) == []


def test_settings_are_shown_with_the_default_directory(client: BatchClient, matching_image: str) -> None:
    job = make_job(client, "nowhere")
    options = {"container_run_options": "--rm"}
    client.create_task(job, new_task("t", container_settings=settings(matching_image, **options)))
    assert definite(client.get_task(job, "t").container_settings).as_dict() == {
        "imageName": matching_image,
        "containerRunOptions": "--rm",
        "workingDirectory": "taskWorkingDirectory",
    }


def test_run_options_are_those_of_docker_create(
    client: BatchClient, job: str, matching_image: str, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("mounted\n")
    options = f"--rm -e A=1 --env B=2 -v {tmp_path}:/mnt/data:ro --hostname own --network none -w /tmp"
    script = (
        "echo $A$B; cat /mnt/data/data; hostname; pwd; touch /mnt/data/x || echo read-only; ls /sys/class/net"
    )
    task = new_task("t", script, container_settings=settings(matching_image, container_run_options=options))
    run_task(client, job, task)
    assert read_file(client, job, "t").split() == ["12", "mounted", "own", "/tmp", "read-only", "lo"]


def test_a_command_line_takes_the_place_of_the_entry_point(
    client: BatchClient, job: str, image_with_entry_point: str
) -> None:
    run_task(
        client,
        job,
        new_task("t", "echo $WORD $PATH; pwd", container_settings=settings(image_with_entry_point)),
    )
    first, second = read_file(client, job, "t").splitlines()
    assert first == "word /own/bin:/usr/bin:/bin"
    assert second.endswith(f"/workitems/{job}/job-1/t/wd")


def test_without_a_command_line_the_image_runs_what_it_is_made_for(
    client: BatchClient, job: str, image_with_entry_point: str
) -> None:
    for name, options, directory in (
        ("default", {"working_directory": "containerImageDefault"}, "/var/lib"),
        ("task", {}, f"/workitems/{job}/job-1/task/wd"),
    ):
        task = models.BatchTaskCreateOptions(
            id=name, command_line="", container_settings=settings(image_with_entry_point, **options)
        )
        assert execution_of(run_task(client, job, task)).exit_code == 0
        first, second = read_file(client, job, name).splitlines()
        assert first.endswith(directory)
        assert second == "own entry point, word, own command"


def test_only_the_named_parts_of_the_node_are_mounted(
    client: BatchClient, job: str, matching_image: str
) -> None:
    mounts = [models.ContainerHostBatchBindMountEntry(source="Shared", is_read_only=True)]
    script = "echo kept > file; cd $AZ_BATCH_NODE_ROOT_DIR; ls; touch shared/x || echo read-only"
    container = settings(matching_image, container_host_batch_bind_mounts=mounts)
    run_task(client, job, new_task("t", script, container_settings=container))
    assert read_file(client, job, "t").split() == ["shared", "workitems", "read-only"]
    assert read_file(client, job, "t", "wd/file") == "kept\n"


def test_exit_codes_and_retries_are_those_of_the_container(
    client: BatchClient, job: str, matching_image: str
) -> None:
    container = settings(matching_image)
    retried = new_task(
        "retried",
        "echo x >> tries; exit $(wc -l < tries)",
        container_settings=container,
        constraints=models.BatchTaskConstraints(max_task_retry_count=1),
    )
    execution = execution_of(run_task(client, job, retried))
    assert (execution.exit_code, execution.retry_count) == (2, 1)
    assert definite(execution.failure_info).code == "FailureExitCode"
    assert len(definite(definite(execution.container_info).container_id)) == 64
    killed = run_task(
        client, job, new_task("killed", "kill -KILL -1; kill -KILL $$; exit 9", container_settings=container)
    )
    assert execution_of(killed).result == "failure"


def test_the_output_of_a_container_is_stored(
    client: BatchClient, job: str, matching_image: str, azurite: str
) -> None:
    with new_container(azurite) as container:
        files = [output("../stdout.txt", container_url(container)), output("*.txt", container_url(container))]
        task = new_task(
            "t",
            "echo out; echo file > a.txt",
            container_settings=settings(matching_image),
            output_files=files,
        )
        run_task(client, job, task)
        assert stored(container) == {"stdout.txt": b"out\n", "a.txt": b"file\n"}


def test_an_image_that_is_not_there_is_told(emulator: Emulator, client: BatchClient, job: str) -> None:
    image = "127.0.0.1:9/remotebatch-test/none:1"
    retries = models.BatchTaskConstraints(max_task_retry_count=2)
    task = run_task(client, job, new_task("t", container_settings=settings(image), constraints=retries))
    execution = execution_of(task)
    assert (task.state, task.previous_state, execution.result) == ("completed", "running", "failure")
    failure = definite(execution.failure_info)
    assert (failure.category, failure.code, failure.message) == (
        "UserError",
        "ContainerInvalidImage",
        "One or more container images specified are invalid",
    )
    assert details(task)["ContainerImage"] == image
    assert details(task)["Message"]
    assert (execution.exit_code, execution.retry_count) == (None, 0)
    assert left_containers(emulator) == []


@pytest.mark.parametrize("options", ["--no-such-option", "--network no-such-network", "-v relative:"])
def test_options_that_cannot_be_are_told(
    emulator: Emulator, client: BatchClient, job: str, matching_image: str, options: str
) -> None:
    container = settings(matching_image, container_run_options=options)
    task = run_task(client, job, new_task("t", container_settings=container))
    failure = failure_of(task)
    assert (failure.category, failure.code) == ("UserError", "ContainerInvalidSettings")
    assert details(task)["Message"]
    assert left_containers(emulator) == []


def test_a_pool_must_be_made_for_containers(client: BatchClient, matching_image: str) -> None:
    client.create_pool(new_pool("plain"))
    job = make_job(client, "plain")
    task = run_task(client, job, new_task("t", container_settings=settings(matching_image)))
    assert failure_of(task).code == "ContainerPoolNotSupported"
    assert execution_of(task).exit_code is None


def test_a_task_without_settings_runs_beside_containers(client: BatchClient, job: str) -> None:
    assert execution_of(run_task(client, job, new_task("t"))).container_info is None


@pytest.mark.operation("terminate_task", "delete_task")
def test_a_task_that_is_ended_leaves_no_container(
    emulator: Emulator, client: BatchClient, job: str, matching_image: str
) -> None:
    container = settings(matching_image)
    for name in ("terminated", "deleted"):
        script = "trap exit TERM; echo on; while :; do sleep 0.05; done"
        client.create_task(job, new_task(name, script, container_settings=container))
        wait_for(partial(read_file, client, job, name))
    assert len(left_containers(emulator)) == 2
    client.terminate_task(job, "terminated")
    client.delete_task(job, "deleted")
    wait_for_task(client, job, "terminated")
    wait_for_nodes(client, "pool")
    assert left_containers(emulator) == []
    ended = execution_of(client.get_task(job, "terminated"))
    assert definite(ended.failure_info).code == "TaskEnded"


@pytest.mark.parametrize("of_the_pool", [True, False])
def test_credentials_of_a_registry_reach_it(client: BatchClient, of_the_pool: bool) -> None:
    with Registry() as registry:
        known = models.ContainerRegistryReference(
            registry_server=registry.server, username="somebody", password="some pass"
        )
        pool_id = f"registry-{of_the_pool}".lower()
        client.create_pool(container_pool(pool_id, container_registries=[known] if of_the_pool else None))
        job = make_job(client, pool_id)
        container = settings(f"{registry.server}/image:1", registry=None if of_the_pool else known)
        task = run_task(client, job, new_task("t", container_settings=container))
        assert failure_of(task).code == "ContainerInvalidImage"
        assert registry.credentials == {("somebody", "some pass")}
        assert "some pass" not in str(task.as_dict()["executionInfo"])


def test_as_processes_tasks_run_without_their_image(azurite: str) -> None:
    with (
        Emulator(storage_connection_string=azurite, runtime="process", timings=AT_ONCE) as emulator,
        connect(emulator) as client,
    ):
        client.create_pool(container_pool("pool"))
        job = make_job(client)
        container = settings("remotebatch-test/none:1", container_run_options="--gpus all")
        done = run_task(client, job, new_task("t", "echo $AZ_BATCH_TASK_ID", container_settings=container))
        assert execution_of(done).result == "success"
        assert execution_of(done).container_info is None
        assert read_file(client, job, "t") == "t\n"
        empty = models.BatchTaskCreateOptions(id="empty", command_line="", container_settings=container)
        assert failure_of(run_task(client, job, empty)).code == "CommandLaunchFailed"


def test_without_an_engine_a_task_in_a_container_fails_and_others_run(
    azurite: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine")
    with (
        Emulator(storage_connection_string=azurite, timings=AT_ONCE) as emulator,
        connect(emulator) as client,
    ):
        client.create_pool(container_pool("pool"))
        job = make_job(client)
        task = run_task(client, job, new_task("t", container_settings=settings("image")))
        failure = failure_of(task)
        assert (failure.category, failure.code) == ("UserError", "ContainerPoolNotSupported")
        assert "Docker Engine" in details(task)["Message"]
        assert "--runtime process" in details(task)["Message"]
        assert "container_image" not in details(task)["Message"]
        assert execution_of(run_task(client, job, new_task("plain"))).result == "success"
