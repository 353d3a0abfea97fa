"""Tasks that run on several nodes at once: coordination, addresses at which instances talk, and their end."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator
from tests.support.batch import (
    make_job,
    new_pool,
    new_task,
    read_file,
    shell,
    unique,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.blobs import container_url, new_container
from tests.support.definite import definite, execution_of, failure_of, node_id_of, node_of

pytestmark = pytest.mark.operation("create_task", "get_task", "list_subtasks")

SERVE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["AZ_BATCH_NODE_ID"].encode())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((os.environ["REMOTEBATCH_NODE_ADDRESS"], int(sys.argv[1])), Handler)
print("serving", os.getpid(), file=open(os.path.join(os.environ["AZ_BATCH_TASK_SHARED_DIR"], "ready"), "w"))
server.serve_forever()
"""
"""What a coordination command leaves running: it answers with the node that it is on."""
COORDINATE = """
python3 "$AZ_BATCH_TASK_SHARED_DIR/serve.py" "$1" &
until [ -s "$AZ_BATCH_TASK_SHARED_DIR/ready" ]; do sleep 0.02; done
echo "coordinated, master: $AZ_BATCH_IS_CURRENT_NODE_MASTER"
touch coordinated
"""
ASK = """
import os, sys, urllib.request
os.stat("coordinated")
for host in os.environ["AZ_BATCH_HOST_LIST"].split(","):
    print(host, urllib.request.urlopen(f"http://{host}:{sys.argv[1]}").read().decode())
"""


@pytest.fixture(scope="module")
def nodes(client: BatchClient) -> list[models.BatchNode]:
    """Three nodes that may talk to each other."""
    pool = new_pool("pool", 3, enable_inter_node_communication=True)
    definite(pool.virtual_machine_configuration).container_configuration = models.BatchContainerConfiguration(
        type="dockerCompatible"
    )
    client.create_pool(pool)
    return wait_for_nodes(client, "pool", 3)


@pytest.fixture
def job(client: BatchClient, nodes: list[models.BatchNode]) -> Iterator[str]:
    job_id = make_job(client)
    yield job_id
    client.begin_delete_job(job_id)
    wait_for_nodes(client, "pool", 3)


@pytest.fixture(scope="module")
def files(azurite: str) -> Iterator[dict[str, models.ResourceFile]]:
    """The scripts, to be had by the nodes."""
    with new_container(azurite) as container:
        blob, query = container_url(container).split("?")
        for name, content in (("serve.py", SERVE), ("coordinate.sh", COORDINATE), ("ask.py", ASK)):
            container.upload_blob(name, content)
        yield {
            name: models.ResourceFile(http_url=f"{blob}/{name}?{query}", file_path=name)
            for name in ("serve.py", "coordinate.sh", "ask.py")
        }


@pytest.fixture
def port() -> int:
    """One that nobody uses at the nodes' addresses."""
    return random.randrange(33_000, 60_000)


def instances(coordination: str, count: int | None = 3, **options: Any) -> models.MultiInstanceSettings:
    return models.MultiInstanceSettings(
        number_of_instances=count, coordination_command_line=shell(coordination), **options
    )


def talking(
    files: dict[str, models.ResourceFile], port: int, script: str = "true", **options: Any
) -> models.BatchTaskCreateOptions:
    """A task whose instances serve, and whose primary asks them all."""
    return new_task(
        "t",
        f"python3 ask.py {port}; {script}",
        multi_instance_settings=instances(
            f"sh $AZ_BATCH_TASK_SHARED_DIR/coordinate.sh {port}",
            common_resource_files=[files["serve.py"], files["coordinate.sh"]],
        ),
        resource_files=[files["ask.py"]],
        **options,
    )


def servers(emulator: Emulator, job_id: str) -> list[psutil.Process]:
    """Processes of a job's tasks that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if f"/workitems/{job_id}/" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:  # it has just ended
            continue
    return found


def sleepers(length: str) -> list[int]:
    """Processes that sleep for so long."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] == ["sleep", length]
    ]


def on_node(client: BatchClient, info: models.BatchNodeInfo, name: str) -> str:
    """A file in the directory of one instance."""
    path = f"{info.task_root_directory}/{name}"
    return b"".join(client.download_node_file(str(info.pool_id), str(info.node_id), path)).decode()


@pytest.mark.parametrize("in_container", [False, True])
def test_all_instances_serve_and_the_primary_reaches_each(
    emulator: Emulator,
    client: BatchClient,
    nodes: list[models.BatchNode],
    job: str,
    files: dict[str, models.ResourceFile],
    port: int,
    matching_image: str,
    in_container: bool,
) -> None:
    image = models.BatchTaskContainerSettings(image_name=matching_image)
    task = talking(files, port, "sleep 0.3", container_settings=image if in_container else None)
    client.create_task(job, task)
    wait_for(lambda: read_file(client, job, "t"), lambda text: text.count("\n") == 3)
    assert {node.running_tasks_count for node in client.list_nodes("pool")} == {1}
    assert len(servers(emulator, job)) >= 3
    done = wait_for_task(client, job, "t")
    assert execution_of(done).result == "success"
    answers = dict(line.split() for line in read_file(client, job, "t").splitlines())
    assert answers == {node.ip_address: node.id for node in nodes}
    assert next(iter(answers.values())) == node_id_of(done)
    assert all(address.startswith("127.") for address in answers)
    subtasks = list(client.list_subtasks(job, "t"))
    assert [subtask.id for subtask in subtasks] == [1, 2]
    places = {node_id_of(done)} | {str(node_of(subtask).node_id) for subtask in subtasks}
    assert places == {node.id for node in nodes}
    for subtask in subtasks:
        assert (subtask.state, subtask.previous_state) == ("completed", "running")
        assert (subtask.result, subtask.exit_code) == ("success", 0)
        assert definite(subtask.start_time) <= definite(subtask.end_time)
        assert on_node(client, node_of(subtask), "stdout.txt") == "coordinated, master: false\n"
        assert on_node(client, node_of(subtask), "serve.py") == SERVE
    assert read_file(client, job, "t", "coordination/stdout.txt") == "coordinated, master: true\n"
    assert read_file(client, job, "t", "serve.py") == SERVE
    assert servers(emulator, job) == []
    recent = [definite(node.recent_tasks)[0] for node in client.list_nodes("pool")]
    assert sorted((one.task_id, one.subtask_id) for one in recent) == [("t", 0), ("t", 1), ("t", 2)]
    assert {(node.running_tasks_count, node.state) for node in client.list_nodes("pool")} == {(0, "idle")}


def test_instances_are_told_of_each_other(
    client: BatchClient, nodes: list[models.BatchNode], job: str
) -> None:
    script = "env | grep -v ^_ | sort"
    own = [models.EnvironmentSetting(name="AZ_BATCH_MASTER_NODE", value="own")]
    task = new_task("t", script, multi_instance_settings=instances(script), environment_settings=own)
    client.create_task(job, task)
    done = wait_for_task(client, job, "t")
    addresses = {node.id: node.ip_address for node in nodes}
    subtasks = list(client.list_subtasks(job, "t"))
    infos = [node_of(done), *map(node_of, subtasks)]
    hosts = [addresses[definite(info.node_id)] for info in infos]
    for number, info in enumerate(infos):
        lines = on_node(client, info, "stdout.txt").splitlines()
        told = {name: value for name, _, value in (line.partition("=") for line in lines)}
        assert told["AZ_BATCH_HOST_LIST"] == ",".join(hosts)
        assert told["AZ_BATCH_NODE_LIST"] == ";".join(hosts)
        assert told["AZ_BATCH_IS_CURRENT_NODE_MASTER"] == str(number == 0).lower()
        assert told["AZ_BATCH_NODE_ID"] == info.node_id
        assert told["AZ_BATCH_TASK_SHARED_DIR"] == told["AZ_BATCH_TASK_DIR"]
        assert told["REMOTEBATCH_NODE_ADDRESS"] == hosts[number]
        assert told["AZ_BATCH_MASTER_NODE"] == "own"  # a task's own settings count more


def test_a_coordination_that_fails_on_one_node_fails_the_task_and_is_retried(
    emulator: Emulator, client: BatchClient, job: str
) -> None:
    log = f"{emulator.data}/{job}.tries"
    script = f"echo x >> {log}; sleep 600 & $AZ_BATCH_IS_CURRENT_NODE_MASTER || exit 4; sleep 600"
    task = new_task(
        "t",
        "touch never",
        multi_instance_settings=instances(script),
        constraints=models.BatchTaskConstraints(max_task_retry_count=1),
    )
    client.create_task(job, task)
    execution = execution_of(wait_for_task(client, job, "t"))
    assert (execution.exit_code, execution.retry_count) == (4, 1)
    assert definite(execution.failure_info).code == "FailureExitCode"
    assert any(subtask.exit_code == 4 for subtask in client.list_subtasks(job, "t"))
    assert not any(file.name == "wd/never" for file in client.list_task_files(job, "t", recursive=True))
    with open(log) as file:
        assert 4 <= len(file.readlines()) <= 6


@pytest.mark.operation("terminate_task", "delete_task")
@pytest.mark.parametrize("deleted", [False, True])
def test_an_ended_task_leaves_nothing_on_any_node(
    emulator: Emulator,
    client: BatchClient,
    nodes: list[models.BatchNode],
    job: str,
    files: dict[str, models.ResourceFile],
    port: int,
    deleted: bool,
) -> None:
    client.create_task(job, talking(files, port, "sleep 600"))
    wait_for(lambda: read_file(client, job, "t"), lambda text: text.count("\n") == 3)
    assert len(servers(emulator, job)) >= 3
    if deleted:
        client.delete_task(job, "t")
    else:
        client.terminate_task(job, "t")
        assert failure_of(wait_for_task(client, job, "t")).code == "TaskEnded"
    wait_for_nodes(client, "pool", 3)
    assert servers(emulator, job) == []
    directories = [
        os.path.join(emulator.data, "nodes", "pool", node.id, "workitems", job, "job-1", "t")
        for node in nodes
    ]
    wait_for(lambda: [os.path.exists(directory) for directory in directories] == [not deleted] * 3)
    if not deleted:
        client.delete_task(job, "t")
        assert not any(os.path.exists(directory) for directory in directories)


def test_a_task_that_is_ended_while_it_coordinates_leaves_nothing(
    client: BatchClient, job: str, port: int
) -> None:
    length = str(port)  # found by it among all that sleep
    script = f"(setsid sleep {length} &); sleep {length}"
    client.create_task(job, new_task("t", multi_instance_settings=instances(script)))
    wait_for(lambda: len(sleepers(length)) == 6)
    subtasks = wait_for(
        lambda: list(client.list_subtasks(job, "t")),
        lambda subtasks: len(subtasks) == 2 and all(subtask.state == "running" for subtask in subtasks),
    )
    assert subtasks[0].end_time is None
    client.terminate_task(job, "t")
    wait_for_task(client, job, "t")
    assert [subtask.state for subtask in client.list_subtasks(job, "t")] == ["completed"] * 2
    assert sleepers(length) == []


def test_one_instance_coordinates_as_well_and_has_no_subtasks(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("t", "ls", multi_instance_settings=instances("touch done", count=None)))
    assert execution_of(wait_for_task(client, job, "t")).exit_code == 0
    assert read_file(client, job, "t") == "done\n"
    assert list(client.list_subtasks(job, "t")) == []


def test_tasks_that_want_more_nodes_than_are_free_hold_up_nobody(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("blocker", "sleep 600"))
    wait_for_task(client, job, "blocker", "running")
    client.create_task(job, new_task("wide", multi_instance_settings=instances("true")))
    client.create_task(job, new_task("small"))
    wait_for_task(client, job, "small")
    assert client.get_task(job, "wide").state == "active"
    client.terminate_task(job, "blocker")
    assert execution_of(wait_for_task(client, job, "wide")).result == "success"


@pytest.mark.parametrize(
    "options",
    [{"task_slots_per_node": 2, "enable_inter_node_communication": True}, {}],
    ids=["slots", "apart"],
)
def test_where_nodes_may_not_talk_or_run_several_tasks_it_waits_for_ever(
    client: BatchClient, options: dict[str, Any]
) -> None:
    pool_id = unique("unfit")
    client.create_pool(new_pool(pool_id, 2, **options))
    job_id = make_job(client, pool_id)
    client.create_task(job_id, new_task("t", multi_instance_settings=instances("true", count=2)))
    for number in range(3):
        client.create_task(job_id, new_task(f"other{number}"))
        wait_for_task(client, job_id, f"other{number}")
    assert client.get_task(job_id, "t").state == "active"
