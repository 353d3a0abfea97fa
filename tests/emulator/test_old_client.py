"""azure-batch 14, the client before Microsoft's new one, in a virtual environment of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from azurebatch_emulator import Emulator
from tests.support.other_clients import environment

_SCRIPT = Path(__file__).parent / "clients" / "old_client.py"


@pytest.fixture(scope="module")
def seen(emulator: Emulator) -> dict[str, Any]:
    """What the client saw, step by step."""
    python = environment("azure-batch-14") / "python"
    command = [str(python), str(_SCRIPT), emulator.endpoint, emulator.account, emulator.key]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.operation(
    "create_pool", "get_pool", "list_pools", "pool_exists", "update_pool", "list_nodes",
    "list_pool_node_counts", "list_supported_images",
)  # fmt: skip
def test_it_makes_and_reads_a_pool(seen: dict[str, Any]) -> None:
    assert seen["pools"] == {
        "exists": [True, False],
        "listed": ["old-pool"],
        "vm_size": "standard_d2",
        "slots": 4,
        "metadata": None,
        "resize_timeout": 900,
        "node_is_dedicated": True,
        "node_counts": [1],
        "images": True,
    }


@pytest.mark.operation("create_job", "get_job", "list_jobs", "update_job")
def test_it_makes_and_reads_a_job(seen: dict[str, Any]) -> None:
    assert seen["jobs"] == {
        "state": "active",
        "priority": 5,
        "max_wall_clock_time": 10675199,
        "on_all_tasks_complete": "noaction",
        "listed": ["old-job"],
    }


@pytest.mark.operation(
    "create_task_collection", "create_task", "get_task", "list_tasks", "get_job_task_counts", "terminate_task"
)
def test_it_adds_tasks_and_follows_them(seen: dict[str, Any]) -> None:
    failed = [[f"t00{number}", "completed", None] for number in (1, 3, 5, 7, 9)]
    assert seen["tasks"] == {
        "statuses": ["success"],
        "added": 120,
        "repeated": ["TaskExists"],
        "counts": [120, 60, 60],
        "listed": 121,
        "failed": failed,
        "exit_code": 1,
        "failure": "FailureExitCode",
        "terminated": "TaskEnded",
    }


@pytest.mark.operation("list_task_files", "get_task_file_properties", "download_task_file")
def test_it_reads_files(seen: dict[str, Any]) -> None:
    assert seen["files"] == {
        "listed": ["certs", "stderr.txt", "stdout.txt", "wd"],
        "content": "119\n",
        "range": "19",
        "length": 4,
    }


def test_it_understands_errors(seen: dict[str, Any]) -> None:
    assert seen["errors"] == {
        "no job": [404, "JobNotFound", "The specified job does not exist."],
        "job again": [409, "JobExists", "The specified job already exists."],
        "changed meanwhile": [
            412,
            "ConditionNotMet",
            "The condition specified using HTTP conditional header(s) is not met.",
        ],
        "bad filter": [
            400,
            "InvalidQueryParameterValue",
            "Value for one of the query parameters specified in the request URI is invalid.",
        ],
    }


@pytest.mark.operation("terminate_job", "delete_job", "delete_pool")
def test_it_ends_and_removes_everything(seen: dict[str, Any]) -> None:
    assert seen["clean_up"] == {"reason": "enough"}
