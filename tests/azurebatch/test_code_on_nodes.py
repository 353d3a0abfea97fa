"""The first task on a node lays the code package out, whatever happens to it. Here the kernel alone runs."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remotebatch.packing.call import pack_call
from remotebatch_azurebatch.submission.code_objects import code_objects
from remotebatch_azurebatch.submission.program import pack_program
from remotebatch_kernel.hosts import azure_node
from tests.support.batch import wait_for

TIMEOUT = 60.0


class Node:
    """What the job preparation has fetched, and the directories of tasks."""

    def __init__(self, root: Path, source: str) -> None:
        """Prepare it for calls of a function ``f`` in a module of that source."""
        self.root = root
        self.shared = root / "shared"
        own = root / "own"
        own.mkdir(parents=True)
        (own / "of_a_node.py").write_text(source)
        sys.path.insert(0, str(own))
        try:
            function, elements = pack_call(importlib.import_module("of_a_node").f, [((), {})] * 10)
        finally:
            sys.path.remove(str(own))
            del sys.modules["of_a_node"]
        self.shared.mkdir()
        (self.shared / azure_node.PROGRAM).write_bytes(pack_program(function).data)
        with open(self.shared / azure_node.INPUTS, "wb") as file:
            elements.write_to(file)
        elements.close()
        (self.shared / azure_node.CODE).mkdir()
        (stored,) = code_objects(function.code).items()
        self.archive = self.shared / azure_node.CODE / stored[0]
        self.archive.write_bytes(stored[1])

    def start(self, index: int) -> subprocess.Popen[str]:
        """Start a task."""
        directory = self.root / f"task-{index}"
        directory.mkdir(exist_ok=True)
        variables = {
            "AZ_BATCH_JOB_PREP_WORKING_DIR": str(self.shared),
            "AZ_BATCH_TASK_WORKING_DIR": str(directory),
            "REMOTEBATCH_CALL": '{"chunksize": 1, "elements": 10}',
            "REMOTEBATCH_TASK_INDEX": str(index),
        }
        command = [sys.executable, "-I", str(self.shared / azure_node.PROGRAM)]
        return subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def laying(self) -> list[Path]:
        """Directories in which a tree is being laid, or was when its task was killed."""
        return list(self.shared.glob(f".{azure_node.TREE}.*"))


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node for a function that says where its module lies."""
    return Node(tmp_path, "def f(): print(__file__)\n")


def test_tasks_that_begin_at_once_share_one_tree(node: Node) -> None:
    tasks = [node.start(index) for index in range(8)]
    ends = [task.communicate(timeout=TIMEOUT) for task in tasks]
    expected = str(node.shared / azure_node.TREE / "0" / "of_a_node.py")
    assert [out for out, _ in ends] == [f"{expected}\n"] * 8
    assert node.laying() == []


def test_a_task_that_is_killed_while_it_lays_the_tree_harms_no_other(node: Node) -> None:
    content = node.archive.read_bytes()
    node.archive.unlink()
    os.mkfifo(node.archive)  # so that the first task gets stuck in it
    first = node.start(0)
    wait_for(lambda: node.laying() != [])
    waiting = node.start(1)
    node.archive.unlink()
    node.archive.write_bytes(content)
    first.kill()
    first.communicate()
    out, err = waiting.communicate(timeout=TIMEOUT)
    assert (waiting.returncode, "of_a_node.py" in out) == (0, True), err
    again = node.start(0)
    again.communicate(timeout=TIMEOUT)
    assert again.returncode == 0


def test_a_task_that_is_told_to_end_meanwhile_leaves_nothing(node: Node) -> None:
    node.archive.unlink()
    os.mkfifo(node.archive)
    task = node.start(0)
    wait_for(lambda: node.laying() != [])
    task.send_signal(signal.SIGTERM)
    task.communicate(timeout=TIMEOUT)
    assert (task.returncode, node.laying()) == (143, [])


def test_an_archive_that_is_damaged_fails_the_task_in_words(node: Node) -> None:
    node.archive.write_bytes(node.archive.read_bytes()[:-30])
    task = node.start(0)
    _, err = task.communicate(timeout=TIMEOUT)
    assert task.returncode == 97
    assert "own modules cannot be laid out on this node: BadZipFile: File is not a zip file" in err
    assert node.laying() == []


def test_a_strict_umask_keeps_no_other_user_out(node: Node) -> None:
    previous = os.umask(0o077)
    try:
        task = node.start(0)
    finally:
        os.umask(previous)
    task.communicate(timeout=TIMEOUT)
    tree = node.shared / azure_node.TREE
    assert [oct(path.stat().st_mode & 0o777) for path in (tree, tree / "0", tree / "0" / "of_a_node.py")] == [
        "0o755",
        "0o755",
        "0o444",
    ]
