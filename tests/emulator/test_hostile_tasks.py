"""Tasks that leave, fetch or store what is hard to deal with: the service copes, and stops in time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.batch import BatchClient, models
from azure.storage.blob import ContainerClient

from azurebatch_emulator import Emulator
from azurebatch_emulator.execution.removal import move, remove
from tests.support.batch import (
    code_of,
    connect,
    delete_job,
    make_job,
    make_pool,
    new_job,
    new_pool,
    new_task,
    wait_for,
    wait_for_task,
)
from tests.support.blobs import container_url, output, stored
from tests.support.emulator import AT_ONCE, EmulatorOptions

EMULATOR: EmulatorOptions = {"runtime": "process", "timings": AT_ONCE}
NESTED = 'python3 -c "import os; [(os.mkdir(str(1)), os.chdir(str(1))) for _ in range(2500)]"'


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    return make_pool(client, task_slots_per_node=40)


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    return make_job(client, pool)


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """A server whose /slow file comes byte by byte, whose /silent one never comes, and which has /instant."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1" if self.path == "/instant" else "1000000")
            self.end_headers()
            if self.path == "/instant":
                self.wfile.write(b".")
                return
            while not over.wait(0.1):
                if self.path == "/slow":
                    try:
                        self.wfile.write(b".")
                    except OSError:
                        return

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        over.set()
        server.shutdown()


def from_web(web: str, name: str) -> list[models.ResourceFile]:
    return [models.ResourceFile(http_url=f"{web}/{name}", file_path=name)]


def execution(client: BatchClient, job: str, task: str) -> models.BatchTaskExecutionInfo:
    """How a task has run, once it is over."""
    info = wait_for_task(client, job, task).execution_info
    assert info is not None
    return info


def failure_code(info: models.BatchTaskExecutionInfo) -> str | None:
    return info.failure_info.code if info.failure_info is not None else None


def trash(emulator: Emulator) -> list[str]:
    """What is still to be removed, of this run of the service and those before it."""
    data = Path(emulator.data)
    return [path.name for path in data.glob("trash-*")] + os.listdir(data / "trash")


def test_a_removal_copes_with_depth_links_and_closed_directories(tmp_path: Path) -> None:
    doomed, kept = tmp_path / "doomed", tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for number in range(2500):
        name = "doomed" if number == 0 else "deeper"
        os.mkdir(name, dir_fd=descriptor)
        inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.symlink(kept, "link", dir_fd=descriptor)
    os.close(descriptor)
    (doomed / "closed" / "inner").mkdir(parents=True)
    (doomed / "closed" / "inner" / "file").touch()
    (doomed / "closed" / "inner").chmod(0)
    (doomed / "closed").chmod(0)
    doomed.chmod(0)
    move(str(doomed), str(tmp_path / "moved"))
    remove(str(tmp_path / "moved"))
    remove(str(tmp_path / "never was"))
    assert sorted(tmp_path.iterdir()) == [kept]
    assert (kept / "file").exists()


def test_a_removal_leaves_what_a_link_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove(str(tmp_path / "link"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.operation("delete_task")
def test_directories_nested_without_end_are_removed(
    emulator: Emulator, client: BatchClient, job: str
) -> None:
    client.create_task(job, new_task("deep", NESTED))
    assert execution(client, job, "deep").exit_code == 0
    client.delete_task(job, "deep")
    assert wait_for(lambda: trash(emulator), lambda names: not names) == []


def test_a_service_starts_and_ends_whatever_tasks_left(azurite: str) -> None:
    with (
        Emulator(runtime="process", storage_connection_string=azurite, timings=AT_ONCE) as emulator,
        connect(emulator) as client,
    ):
        client.create_pool(new_pool("pool", task_slots_per_node=2))
        client.create_job(new_job("job", "pool"))
        for task in ("deleted", "kept"):
            client.create_task("job", new_task(task, NESTED))
        for task in ("deleted", "kept"):
            wait_for_task(client, "job", task)
        client.delete_task("job", "deleted")
        emulator.kill()
        emulator.restart()
        assert wait_for(lambda: trash(emulator), lambda names: not names) == []
        data = emulator.data
    assert not os.path.exists(data)


@pytest.mark.operation("delete_task", "delete_job")
def test_a_task_is_deleted_though_its_directory_has_become_a_file(
    client: BatchClient, pool: str, job: str
) -> None:
    client.create_task(job, new_task("task", "cd ../../..; rm -rf job-1; touch job-1"))
    wait_for_task(client, job, "task")
    client.delete_task(job, "task")
    assert code_of(lambda: client.get_task(job, "task")) == "TaskNotFound"
    delete_job(client, job)
    assert code_of(lambda: client.get_job(job)) == "JobNotFound"


@pytest.mark.operation("terminate_task")
@pytest.mark.parametrize("name", ["slow", "silent"])
def test_a_task_that_fetches_without_end_is_terminated(
    client: BatchClient, job: str, web: str, name: str
) -> None:
    client.create_task(job, new_task("task", resource_files=from_web(web, name)))
    wait_for_task(client, job, "task", "running")
    client.terminate_task(job, "task")
    info = execution(client, job, "task")
    assert failure_code(info) == "TaskEnded"
    assert info.exit_code is None


@pytest.mark.operation("create_task")
def test_the_time_limit_of_a_task_covers_its_files(client: BatchClient, job: str, web: str) -> None:
    limit = models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=1))
    client.create_task(job, new_task("task", resource_files=from_web(web, "slow"), constraints=limit))
    assert failure_code(execution(client, job, "task")) == "TaskEnded"


@pytest.mark.operation("delete_job")
def test_a_job_is_deleted_whose_task_fetches_without_end(client: BatchClient, job: str, web: str) -> None:
    client.create_task(job, new_task("task", resource_files=from_web(web, "slow")))
    wait_for_task(client, job, "task", "running")
    delete_job(client, job)
    assert code_of(lambda: client.get_job(job)) == "JobNotFound"


@pytest.mark.operation("create_job", "list_job_preparation_and_release_task_status")
def test_the_time_limit_of_a_preparation_covers_its_files(client: BatchClient, pool: str, web: str) -> None:
    preparation = models.BatchJobPreparationTask(
        command_line="true",
        resource_files=from_web(web, "slow"),
        constraints=models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=1)),
    )
    client.create_job(new_job("prepared", pool, job_preparation_task=preparation))
    client.create_task("prepared", new_task("task"))

    def result() -> object:
        for status in client.list_job_preparation_and_release_task_status("prepared"):
            info = status.job_preparation_task_execution_info
            return info and info.result
        return None

    assert wait_for(result) == "failure"
    delete_job(client, "prepared")


@pytest.mark.operation("create_task")
def test_slow_transfers_do_not_hold_up_others(client: BatchClient, job: str, web: str) -> None:
    slow = [new_task(f"slow-{n}", resource_files=from_web(web, "slow")) for n in range(20)]
    client.create_tasks(job, slow)
    for task in slow:
        wait_for_task(client, job, task.id, "running")
    client.create_task(job, new_task("quick", "test -e instant", resource_files=from_web(web, "instant")))
    assert execution(client, job, "quick").exit_code == 0
    assert client.get_task(job, "slow-0").state == "running"
    delete_job(client, job)


@pytest.mark.operation("create_task")
def test_pipes_in_the_place_of_files_block_nothing(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    script = "mkfifo ../fileuploadout.txt ../fileuploaderr.txt pipe; echo out > file"
    outputs = [output("*", container_url(container)), output("pipe", container_url(container), "p")]
    client.create_task(job, new_task("task", script, output_files=outputs))
    assert execution(client, job, "task").result == "success"
    assert stored(container) == {"file": b"out\n"}


@pytest.mark.operation("create_task")
@pytest.mark.parametrize(("exit_code", "failure"), [(3, "FailureExitCode"), (0, "FileUploadMiscError")])
def test_an_upload_that_cannot_begin_hides_no_exit_code(
    client: BatchClient, job: str, container: ContainerClient, exit_code: int, failure: str
) -> None:
    script = f"rm -rf $AZ_BATCH_TASK_DIR; exit {exit_code}"
    outputs = [output("*", container_url(container))]
    client.create_task(job, new_task("task", script, output_files=outputs))
    info = execution(client, job, "task")
    assert (info.exit_code, failure_code(info)) == (exit_code, failure)


@pytest.mark.parametrize("name", ["slow", "silent"])
def test_a_service_ends_while_a_task_fetches_without_end(azurite: str, web: str, name: str) -> None:
    with (
        Emulator(runtime="process", storage_connection_string=azurite, timings=AT_ONCE) as emulator,
        connect(emulator) as client,
    ):
        client.create_pool(new_pool("pool"))
        client.create_job(new_job("job", "pool"))
        client.create_task("job", new_task("task", resource_files=from_web(web, name)))
        wait_for_task(client, "job", "task", "running")
        process = emulator._process
        assert process is not None
        process.terminate()
        assert process.wait(60) == 0
