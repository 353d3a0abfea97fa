"""Microsoft's az command line, unmodified, with the variables of ``remotebatch emulator env``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient

from azurebatch_emulator import Emulator
from tests.support.batch import wait_for_nodes, wait_for_task
from tests.support.other_clients import environment

_POOL = {
    "id": "containers",
    "vmSize": "STANDARD_D2",
    "targetDedicatedNodes": 1,
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "microsoft-azure-batch",
            "offer": "ubuntu-server-container",
            "sku": "20-04-lts",
        },
        "nodeAgentSKUId": "batch.node.ubuntu 20.04",
        "containerConfiguration": {"type": "dockerCompatible"},
    },
}
Az = Callable[..., Any]


@pytest.fixture(scope="module")
def az(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Az:
    """Runs ``az batch`` as at a shell, and returns what it writes."""
    programs = f"{environment('azure-cli')}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    home = str(tmp_path_factory.mktemp("home"))
    clean = {"PATH": programs, "HOME": home, "AZURE_CORE_COLLECT_TELEMETRY": "no", "LANG": "C.UTF-8"}
    script = f'eval "$(remotebatch emulator env --data {emulator.data})" && exec az batch "$@"'

    def run(*arguments: str | Path, code: int = 0) -> Any:
        command = ["/bin/sh", "-c", script, "az", *map(str, arguments)]
        ended = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120)
        assert ended.returncode == code, ended.stderr
        if code:
            return ended.stderr
        return json.loads(ended.stdout) if ended.stdout.strip() else None

    return run


@pytest.fixture(scope="module")
def task(az: Az, client: BatchClient, matching_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A task that az has made in a container, with its pool and its job, and that has ended."""
    directory = tmp_path_factory.mktemp("requests")
    (directory / "pool.json").write_text(json.dumps(_POOL))
    az("pool", "create", "--json-file", directory / "pool.json")
    az("job", "create", "--id", "j", "--pool-id", "containers")
    task = {
        "id": "t",
        "commandLine": "python3 -c \"import os; print('in', os.getcwd()); open('made', 'w')\"",
        "containerSettings": {"imageName": matching_image},
    }
    (directory / "task.json").write_text(json.dumps(task))
    made = az("task", "create", "--job-id", "j", "--json-file", directory / "task.json")
    assert made["id"] == "t"
    wait_for_task(client, "j", "t")
    return "t"


@pytest.mark.operation("create_pool", "create_job", "create_task", "get_task")
def test_a_task_in_a_container_succeeds(az: Az, task: str, matching_image: str) -> None:
    shown = az("task", "show", "--job-id", "j", "--task-id", task)
    assert shown["state"] == "completed"
    assert shown["containerSettings"]["imageName"] == matching_image
    assert shown["executionInfo"]["exitCode"] == 0
    assert shown["executionInfo"]["result"] == "success"


@pytest.mark.operation("download_task_file")
def test_its_output_can_be_downloaded(az: Az, task: str, tmp_path: Path) -> None:
    where = ("--job-id", "j", "--task-id", task, "--file-path", "stdout.txt")
    az("task", "file", "download", *where, "--destination", tmp_path / "stdout.txt")
    text = (tmp_path / "stdout.txt").read_text()
    assert text.startswith("in /")
    assert text.endswith("/workitems/j/job-1/t/wd\n")


@pytest.mark.operation("list_task_files", "list_tasks", "list_jobs", "list_pools", "list_nodes")
def test_everything_can_be_listed(az: Az, client: BatchClient, task: str) -> None:
    wait_for_nodes(client, "containers")
    files = az("task", "file", "list", "--job-id", "j", "--task-id", task, "--recursive")
    assert [file["name"] for file in files] == ["certs", "stderr.txt", "stdout.txt", "wd", "wd/made"]
    assert [listed["id"] for listed in az("task", "list", "--job-id", "j")] == [task]
    assert [listed["id"] for listed in az("job", "list", "--filter", "state eq 'active'")] == ["j"]
    assert "containers" in [listed["id"] for listed in az("pool", "list", "--select", "id,state")]
    assert [node["state"] for node in az("node", "list", "--pool-id", "containers")] == ["idle"]


@pytest.mark.operation("create_pool", "get_pool", "create_task", "terminate_task", "resize_pool")
def test_options_at_the_command_line_arrive(az: Az, task: str) -> None:
    image = ("--image", "canonical:0001-com-ubuntu-server-jammy:22_04-lts")
    agent = ("--node-agent-sku-id", "batch.node.ubuntu 22.04")
    size = ("--vm-size", "Standard_D2", "--target-dedicated-nodes", "0")
    az("pool", "create", "--id", "plain", *image, *agent, *size)
    az("pool", "resize", "--pool-id", "plain", "--target-dedicated-nodes", "1", "--resize-timeout", "PT20M")
    pool = az("pool", "show", "--pool-id", "plain")
    assert (pool["vmSize"], pool["targetDedicatedNodes"]) == ("standard_d2", 1)
    assert pool["resizeTimeout"] == "PT20M"
    az("task", "create", "--job-id", "j", "--task-id", "long", "--command-line", "sleep 600")
    az("task", "stop", "--job-id", "j", "--task-id", "long")


def test_an_error_is_told_as_at_azure(az: Az) -> None:
    said = az("job", "show", "--job-id", "none", code=3)
    assert "(JobNotFound) The specified job does not exist." in said


@pytest.mark.operation("delete_job")
def test_a_job_can_be_deleted(az: Az, task: str) -> None:
    az("job", "create", "--id", "short", "--pool-id", "containers", "--priority", "7")
    az("job", "delete", "--job-id", "short", "--yes")
    assert "short" not in [job["id"] for job in az("job", "list") if job["state"] != "deleting"]
