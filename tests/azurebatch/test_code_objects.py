"""Code packages in storage and on nodes: what is sent and when, what lies where, what goes wrong."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from remotebatch import FailureType, ProviderError, SubmissionEnvironment
from remotebatch_azurebatch.batch import metadata
from remotebatch_azurebatch.submission.code_objects import MOST
from tests.support.requests import counted

TIMEOUT = 60.0
CODE = "/remotebatch-objects/code/"
PROGRAMS = "/remotebatch-objects/programs/"


class Modules:
    """Modules of the user's own, in a directory on ``sys.path``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, source: str) -> None:
        """Write or change a module's source."""
        (self.directory / f"{name}.py").write_text(source)

    def load(self, name: str) -> ModuleType:
        """Import a module."""
        importlib.invalidate_caches()
        return importlib.import_module(name)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    """No modules yet; those that a test makes are forgotten at its end."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Modules(tmp_path)
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.fixture
def many(processes: SubmissionEnvironment) -> SubmissionEnvironment:
    """An environment whose tasks run as processes: it is the requests that matter."""
    processes.submit(abs, 0).result(TIMEOUT)  # the account's first job also makes its container of objects
    return processes


def objects_of(environment: SubmissionEnvironment, azure_id: str) -> list[str]:
    """Names of the objects that an Azure job refers to."""
    provider: Any = environment._client.provider
    return metadata.objects_of(provider._client.get_job(azure_id).as_dict())


def test_only_what_has_changed_is_sent(many: SubmissionEnvironment, modules: Modules) -> None:
    modules.write("first_of_two", "import second_of_two\ndef f(x): return second_of_two.g(x)\n")
    modules.write("second_of_two", "def g(x): return x + 1\n")
    first = modules.load("first_of_two")
    with counted() as new:
        one = many.submit(first.f, 1)
    assert (new.count("PUT", CODE), new.count("PUT", PROGRAMS)) == (2, 1)
    with counted() as again:
        many.submit(first.f, 2)
    assert again.count(within="/remotebatch-objects/") == 0
    assert len(again) == 2  # the container and the job
    with counted() as other:
        many.submit(lambda: first.f(3))
    assert (other.count(within=CODE), other.count("PUT", PROGRAMS)) == (0, 1)
    modules.write("second_of_two", "def g(x): return x + 100\n")
    with counted() as edited:
        two = many.submit(first.f, 1)
    assert (edited.count(within=CODE), edited.count("PUT", PROGRAMS)) == (1, 1)
    assert (one.result(TIMEOUT), two.result(TIMEOUT)) == (2, 101)


def test_what_was_stored_some_time_ago_is_looked_for_and_not_sent(
    many: SubmissionEnvironment, modules: Modules
) -> None:
    modules.write("stored_before", "def f(): return 1\n")
    before = modules.load("stored_before")
    many.submit(before.f)
    store: Any = many._client.provider._store  # type: ignore[attr-defined]
    store._known = dict.fromkeys(store._known, 0.001)
    with counted() as later:
        job = many.submit(before.f)
    assert (later.count("HEAD", CODE), later.count("PUT", "/remotebatch-objects/")) == (1, 0)
    assert job.result(TIMEOUT) == 1


def test_a_project_of_many_modules(many: SubmissionEnvironment, modules: Modules) -> None:
    names = [f"one_of_many_{number}" for number in range(60)]
    for number, name in enumerate(names):
        modules.write(name, f"def value(): return {number}\n")
    modules.write(
        "all_of_many",
        "".join(f"import {name}\n" for name in names)
        + f"def total(): return sum([{', '.join(f'{name}.value()' for name in names)}])\n",
    )
    package = modules.load("all_of_many")
    with counted() as new:
        job = many.submit(package.total)
    assert 1 < new.count("PUT", CODE) <= MOST
    stored = [name for name in objects_of(many, job.provider_job_id) if name.startswith("code/")]
    assert len(stored) == new.count("PUT", CODE)
    assert job.result(TIMEOUT) == sum(range(60))
    modules.write(names[7], "def value(): return 1000\n")
    with counted() as edited:
        job = many.submit(package.total)
    assert edited.count(within=CODE) == 1
    assert job.result(TIMEOUT) == sum(range(60)) - 7 + 1000


def test_more_input_files_than_azure_takes_are_refused(many: SubmissionEnvironment) -> None:
    files = {f"{number}.txt": b"the same" for number in range(200)}
    with pytest.raises(ProviderError, match=r"more input files than Azure takes.*into an archive"):
        many.options(input_files=files).submit(abs, 1)


def test_a_retry_has_the_code_of_the_submission(
    many: SubmissionEnvironment, modules: Modules, tmp_path: Path
) -> None:
    gate = tmp_path / "open"
    source = "import os\ndef f(gate):\n    assert os.path.exists(gate)\n    return {}\n"
    modules.write("retried", source.format(1))
    job = many.submit(modules.load("retried").f, str(gate)).wait(TIMEOUT)
    assert job.failure_type is FailureType.USER_EXCEPTION
    modules.write("retried", source.format(2))
    gate.touch()
    with counted() as retrying:
        job.retry()
    assert retrying.count(within="/remotebatch-objects/") == 0
    assert job.result(TIMEOUT) == 1
    assert objects_of(many, f"{job.provider_job_id}-2") == objects_of(many, job.provider_job_id)


def test_two_projects_with_a_module_of_the_same_name(
    many: SubmissionEnvironment, modules: Modules, tmp_path: Path
) -> None:
    jobs = []
    for value in range(2):
        modules.write("namesake", f"VALUE = {value}\ndef read(_): return VALUE\n")
        sys.modules.pop("namesake", None)
        jobs.append(many.map_submit(modules.load("namesake").read, range(4)))
    assert [job.results(TIMEOUT) for job in jobs] == [[0] * 4, [1] * 4]


def test_a_disk_that_is_full_fails_the_task_in_words(many: SubmissionEnvironment, modules: Modules) -> None:
    modules.write("large", f"DATA = {'x' * 200_000!r}\ndef f(): return len(DATA)\n")
    large = modules.load("large")
    # the node's disk takes no file of more than 64 KiB from the kernel: it stands for a full one
    many = many.options(environment={"PYTHONPATH": str(modules.directory / "limited")})
    limited = modules.directory / "limited"
    limited.mkdir()
    (limited / "sitecustomize.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))\n"
    )
    job = many.submit(large.f).wait(TIMEOUT)
    assert (job.exit_code, job.failure_type) == (97, FailureType.SETUP_FAILED)
    assert "own modules cannot be laid out on this node: OSError: [Errno 27]" in str(job.status_reason)
    assert "cannot be laid out" in job.error_log()
