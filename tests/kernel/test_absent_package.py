"""Own modules that import remotebatch are imported in a Python that has none installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import remotebatch
from remotebatch.packing.call import pack_call
from remotebatch.packing.kernel_archive import kernel_archive

OWN = """
import remotebatch
import remotebatch.task
from remotebatch import Command, Job, SubmissionEnvironment, errors, task, vcpu_count
from remotebatch.errors import CannotSend
from remotebatch.jobs.array import ArrayJob
from remotebatch.status import JobStatus

DONE = JobStatus.SUCCEEDED
ENVIRONMENT = SubmissionEnvironment("Local").options(vcpu_count=2)

class Sweep(Job):
    pass

def wait(job: remotebatch.SingleJob[int], more: "list[ArrayJob[str]] | None" = None) -> Job[int]:
    return job.wait()

def report():
    try:
        Command([])
    except remotebatch.CannotSend as error:
        refused = str(error)
    return {
        "file": remotebatch.__file__,
        "knows": [task.index(), task.attempt(), task.job_id(), remotebatch.vcpu_count(), task.seed()],
        "command": Command(["ls", "-l"]).name,
        "same": errors.CannotSend is CannotSend,
        "refused": refused,
    }

def use(name):
    if name == "submit":
        return remotebatch.submit(print)
    if name == "environment":
        return ENVIRONMENT.submit(print)
    if name == "attribute":
        return remotebatch.JobStatus.of(1)
    if name == "subclass":
        return Sweep()
    if name == "private":
        return remotebatch._private
    if name == "random":
        return task.rng()

def instance(value):
    return isinstance(value, Job)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "own_sweep.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    import own_sweep  # type: ignore[import-not-found]

    yield own_sweep
    del sys.modules["own_sweep"]


def evaluate(directory: Path, function: Any, *args: Any) -> Any:
    """What one call gives that the kernel evaluates, in a Python without any installed package."""
    packed, inputs = pack_call(function, [(args, {})] * 5)
    (directory / "function").write_bytes(packed.data)
    (directory / "kernel.pyz").write_bytes(kernel_archive())
    with closing(inputs), open(directory / "inputs", "wb") as file:
        inputs.write_to(file)
    assert packed.code is not None
    packed.code.lay(str(directory / "code"))
    call: dict[str, Any] = {"first": 4, "length": 1}
    call |= {name: str(directory / name) for name in ("function", "inputs", "result", "code")}
    variables = {"REMOTEBATCH_VCPU_COUNT": "3", "REMOTEBATCH_SEED": "5", "REMOTEBATCH_JOB_ID": "a job"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(directory / "kernel.pyz"), "run", json.dumps(call)],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **variables},
    )
    assert (directory / "result").is_file(), done.stderr
    return remotebatch.load_result(directory / "result")


def test_what_serves_in_a_task_is_there(tmp_path: Path, own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report = evaluate(tmp_path, own.report)
    monkeypatch.setenv("REMOTEBATCH_SEED", "5")
    monkeypatch.setenv("REMOTEBATCH_ELEMENT_INDEX", "4")
    assert report == {
        "file": f"{tmp_path}/kernel.pyz/absent/remotebatch/__init__.pyc",
        "knows": [4, 1, "a job", 3, remotebatch.task.seed()],
        "command": "ls",
        "same": True,
        "refused": "Command([]): give a list of the program and its arguments, such as "
        '["java", "-jar", "pi.jar"]',
    }


@pytest.mark.parametrize(
    ("use", "named"),
    [
        ("submit", "remotebatch.submit"),
        ("environment", "remotebatch.SubmissionEnvironment.submit"),
        ("attribute", "remotebatch.JobStatus.of"),
        ("subclass", "own_sweep.Sweep"),
    ],
)
def test_what_does_not_is_refused_when_it_is_used(tmp_path: Path, own: Any, use: str, named: str) -> None:
    with pytest.raises(
        remotebatch.ProviderError, match=rf"^{named} was called in a task, but remotebatch is not installed"
    ):
        evaluate(tmp_path, own.use, use)


def test_what_is_nowhere_is_not_there_either(tmp_path: Path, own: Any) -> None:
    with pytest.raises(AttributeError, match="'remotebatch' has no attribute '_private'"):
        evaluate(tmp_path, own.use, "private")
    assert evaluate(tmp_path, own.instance, 1) is False


def test_random_numbers_without_numpy_are_refused_in_words(tmp_path: Path, own: Any) -> None:
    with pytest.raises(
        ModuleNotFoundError, match=r"rng\(\) needs numpy, which is not installed here: install"
    ):
        evaluate(tmp_path, own.use, "random")
