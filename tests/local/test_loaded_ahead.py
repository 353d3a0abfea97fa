"""Own modules are imported once, ahead of the fork, only where each task finds them as if it had done so."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from remotebatch import SubmissionEnvironment

_TASKS = 300
HARMLESS = """
import logging, os, tempfile, uuid
from pathlib import Path
STATE = []
log = logging.getLogger(__name__)

def work(number):
    STATE.append(number)
    with open(f"/proc/{os.getppid()}/cmdline", "rb") as command:
        loaded = command.read().split(b"\\0")[5] != b""
    return number, list(STATE), loaded
"""
NOTICED = """
import os, time
STARTED = time.time_ns()
TASK = os.environ.get("REMOTEBATCH_TASK_INDEX")
print("imported")

def work(number):
    return STARTED, TASK
"""


@pytest.fixture
def module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[ModuleType]:
    """A module of the user's."""
    (tmp_path / "users_module.py").write_text(request.param)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("users_module")
    del sys.modules["users_module"]


@pytest.mark.parametrize("module", [HARMLESS], indirect=True)
def test_a_module_that_only_defines_things_is_loaded_once(
    env: SubmissionEnvironment, module: ModuleType
) -> None:
    array = env.map_submit(module.work, range(_TASKS))
    assert array.results(120) == [(number, [number], True) for number in range(_TASKS)]


@pytest.mark.parametrize("module", [NOTICED], indirect=True)
def test_a_module_that_asks_the_time_is_loaded_by_each_task(
    env: SubmissionEnvironment, module: ModuleType, root: str
) -> None:
    array = env.map_submit(module.work, range(_TASKS))
    results = array.results(120)
    assert len({started for started, _ in results}) == _TASKS
    assert [task for _, task in results] == [str(number) for number in range(_TASKS)]
    assert array[7].log() == "imported\n"
    assert "each task loads for itself" in Path(root, "agent.log").read_text()


LEAVES_TRACES = """
import os, signal

if "CLIENT" not in os.environ:
    IGNORED = [signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGCHLD, signal.SIGUSR1)]
    TIMES, DIRECTORY = os.environ.get("TIMES", ""), os.getcwd()
    os.environ["TIMES"] = TIMES + "x"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.alarm(1)
    signal.alarm(0)
    os.chdir("/tmp")
    os.umask(0o777)
    os.closerange(0, 3)

def work(number):
    return IGNORED, TIMES, DIRECTORY != "/tmp"
"""


def test_what_the_import_changes_in_the_process_reaches_no_task(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users_module.py").write_text(LEAVES_TRACES)
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as here:
        here.setenv("CLIENT", "1")
        module = importlib.import_module("users_module")
    try:
        with SubmissionEnvironment("Local", root=root, slots=2) as env:
            array = env.map_submit(module.work, range(_TASKS))
            assert array.results(120) == [([False, False], "", True)] * _TASKS
    finally:
        del sys.modules["users_module"]
