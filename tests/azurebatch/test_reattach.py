"""Submit, close Python, come back in a new process that has an id and a keyring, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from azurebatch_emulator import Emulator
from tests.azurebatch.conftest import POOL, variables
from tests.support.machine import Machine, keyring_of

SUBMIT = """
import sys
import remotebatch

def divide(a, b):
    print("to the log")
    print("to the other log", file=sys.stderr)
    return a / b

env = remotebatch.SubmissionEnvironment("AzureBatch", pool_id=sys.argv[1])
env = env.options(container_image=sys.argv[2])
print(env.submit(divide, 7, 2).id, env.map_submit(divide, [1, 1], [4, 0]).id)
"""
COME_BACK = """
import sys
import remotebatch

env = remotebatch.SubmissionEnvironment("AzureBatch", pool_id=sys.argv[1])
single, array = map(env.job, sys.argv[2:])
print(single.result(), single.status, single.exit_code, single.log(), single.error_log(), sep="|", end="")
print(array.results(return_exceptions=True), array[1].failure_type, array[1].log(), sep="|", end="")
print(env.jobs()[:2] == [array, single])
"""


@pytest.fixture
def machine(batch: Emulator, tmp_path: Path) -> Iterator[Machine]:
    """A user's machine that has logged in once: its keyring holds the credentials, its variables do not."""
    found = variables(batch)
    del found["PYTHON_KEYRING_BACKEND"]
    storage_key = batch.storage_connection_string.partition("AccountKey=")[2].partition(";")[0]
    machine = Machine(tmp_path, secrets=[batch.key, storage_key])
    with keyring_of(machine):
        machine.set(found)
        logged_in = machine.remotebatch("login", "azure", "--from-environment")
        assert logged_in.code == 0, logged_in.errors
        machine.unset(*found)
        yield machine


def test_result_and_both_logs_in_another_process(machine: Machine, matching_image: str) -> None:
    submitted = run(machine, SUBMIT, POOL, matching_image)
    again = run(machine, COME_BACK, POOL, *submitted.split())
    assert again == (
        "3.5|Succeeded|0|to the log\n|to the other log\n"
        "[0.25, ZeroDivisionError('division by zero')]|UserException|to the log\n"
        "True\n"
    )


def run(machine: Machine, script: str, *arguments: str) -> str:
    """Run a script to its end in a process of its own; return what it has written."""
    program = machine.home / "program.py"
    program.write_text(script)
    ended = machine.run([machine.python, str(program), *arguments])
    assert ended.code == 0, ended.errors
    return ended.output
