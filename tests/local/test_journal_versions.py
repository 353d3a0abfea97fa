"""Journals of earlier and later versions, and damaged ones: the agent starts, and each job is for itself."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
import warnings
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from remotebatch import FailureType, JobNotFound, JobStatus, SubmissionEnvironment
from remotebatch.provider import UnreadableRecord
from tests.conftest import stop_agent
from tests.support.local import array_job, single_job


def rewrite(root: str, job_id: str, change: Callable[[dict[str, Any]], dict[str, Any] | bytes]) -> bytes:
    """Change what the journal of a stopped agent has of a job; returns what it has then."""
    stop_agent(root)
    with closing(sqlite3.connect(f"{root}/journal.sqlite")) as journal, journal:
        [[record]] = journal.execute("SELECT record FROM jobs WHERE id = ?", [job_id])
        changed = change(json.loads(record))
        data = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
        journal.execute("UPDATE jobs SET record = ? WHERE id = ?", [data, job_id])
    return data


def column(root: str, name: str) -> list[Any]:
    with closing(sqlite3.connect(f"{root}/journal.sqlite")) as journal:
        return [value for (value,) in journal.execute(f"SELECT {name} FROM jobs ORDER BY position")]


def as_version_1(record: dict[str, Any]) -> dict[str, Any]:
    """The record as version 1 had it, before some of the settings were there."""
    settings = {**record["settings"], "input_files": record["input_files"]}
    for later in ("memory_limit", "network", "gpu_count", "seed"):
        del settings[later]
    later_fields = ("version", "input_files", "integrity_key", "objects")
    return {k: v for k, v in record.items() if k not in later_fields} | {"settings": settings}


class Particular(Exception):
    """Not to be made from its arguments alone."""

    def __init__(self, number: int, detail: str) -> None:
        super().__init__(f"number {number}")
        self.detail = detail


def object_files(root: str, kind: str) -> list[Path]:
    return list(Path(root, "blobs", "remotebatch-objects", kind).iterdir())


def test_finished_jobs_of_version_1(env: SubmissionEnvironment, root: str) -> None:
    def refuse() -> None:
        raise Particular(3, "in detail")

    good = env.map_submit(abs, [-1, -2]).wait(30)
    bad = env.submit(refuse).wait(30)
    result = Path(root, "blobs", f"job-{bad.provider_job_id}", "$Results", "10000000").read_bytes()
    assert b"remotebatch_kernel.rebuilding" in result  # a path within stored pickles
    for job_id in (good.id, bad.id):
        rewrite(root, job_id, as_version_1)
    again = SubmissionEnvironment("Local", root=root)
    assert [job.id for job in again.jobs()] == [bad.id, good.id]
    assert array_job(again, good.id).results(30) == [1, 2]
    with pytest.raises(Particular) as caught:
        single_job(again, bad.id).result(30)
    assert caught.value.detail == "in detail"
    assert single_job(again, bad.id).failure_type is FailureType.USER_EXCEPTION


def test_unfinished_job_of_version_1_is_run_by_its_own_kernel(
    env: SubmissionEnvironment, root: str, tmp_path: Path
) -> None:
    def work(number: int) -> tuple[int, str | None, str]:
        import os
        import time

        while not os.path.exists(tmp_path / "go"):
            time.sleep(0.01)
        with open("data.txt") as file:
            return number, os.environ.get("KERNEL"), file.read()

    array = env.options(input_files={"data.txt": b"data"}).map_submit(work, range(4))
    while array[0].status is not JobStatus.RUNNING:
        time.sleep(0.01)
    stop_agent(root)
    [kernel] = object_files(root, "kernels")
    make_older_kernel(kernel, kernel.with_name("older"))
    rewrite(root, array.id, lambda record: as_version_1(record) | {"kernel": "older"})
    (tmp_path / "go").touch()
    again = array_job(SubmissionEnvironment("Local", root=root), array.id)
    assert again.results(60) == [(number, "older", "data") for number in range(4)]


def make_older_kernel(kernel: Path, older: Path) -> None:
    """An archive of the same modules that leaves a mark in its environment."""
    with zipfile.ZipFile(kernel) as source, zipfile.ZipFile(older, "w") as target:
        for name in source.namelist():
            if not name.startswith("__main__"):
                target.writestr(name, source.read(name))
        target.writestr(
            "__main__.py",
            "import os, sys\nos.environ['KERNEL'] = 'older'\n"
            "from remotebatch_kernel.__main__ import main\nsys.exit(main(sys.argv[1:]))\n",
        )


def newer(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"version": 99, "type": "Swarm"}


def with_an_unknown_setting(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"settings": record["settings"] | {"colour": "green"}}


def cut(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode()[:-20]


def garbled(_: dict[str, Any]) -> bytes:
    return b'{"id": "\xff\xfe\x00'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (newer, "newer version of remotebatch"),
        (with_an_unknown_setting, "colour"),
        (cut, "damaged"),
        (garbled, "cannot be read|damaged"),
    ],
)
def test_a_record_that_cannot_be_read(
    env: SubmissionEnvironment,
    root: str,
    change: Callable[[dict[str, Any]], dict[str, Any] | bytes],
    words: str,
) -> None:
    def leave_something() -> None:
        with open("left", "w") as file:
            file.write("something")
        raise ValueError

    good = env.submit(abs, -1).wait(30)
    unreadable = env.submit(leave_something).wait(30)
    container = Path(root, "blobs", f"job-{unreadable.provider_job_id}")
    stored = rewrite(root, unreadable.id, change)
    files = sorted(container.rglob("*"))
    for _ in range(2):  # the second agent finds what the first one left
        again = SubmissionEnvironment("Local", root=root)
        with pytest.warns(UserWarning, match=unreadable.id) as warned:
            listed = again.jobs()
        assert len(warned) == 1
        assert good.id in [job.id for job in listed]
        assert unreadable.id not in [job.id for job in listed]
        assert single_job(again, good.id).result(30) == 1
        with pytest.raises(UnreadableRecord, match=unreadable.id) as caught:
            again.job(unreadable.id)
        assert any(word in str(caught.value) for word in words.split("|"))
        assert again.submit(abs, -2).result(30) == 2
        stop_agent(root)
        assert stored in column(root, "record")
        assert sorted(container.rglob("*")) == files
        assert Path(root, "kept", unreadable.id, "10000000", "left").exists()
    positions = column(root, "position")
    assert len(positions) == len(set(positions)) == 4


def test_unfinished_job_with_a_task_that_cannot_be_read(env: SubmissionEnvironment, root: str) -> None:
    job = env.submit(time.sleep, 300)
    while job.status is not JobStatus.RUNNING:
        time.sleep(0.01)
    stop_agent(root)
    with closing(sqlite3.connect(f"{root}/journal.sqlite")) as journal, journal:
        journal.execute("UPDATE tasks SET record = ?", [b"[0, 'Runn"])
    again = SubmissionEnvironment("Local", root=root)
    with pytest.raises(UnreadableRecord, match=job.id):
        again.job(job.id)
    assert again.submit(abs, -2).result(30) == 2


def test_job_whose_files_are_gone_does_not_keep_the_agent_from_starting(
    env: SubmissionEnvironment, root: str
) -> None:
    job = env.submit(time.sleep, 300)
    while job.status is not JobStatus.RUNNING:
        time.sleep(0.01)
    stop_agent(root)
    container = Path(root, "blobs", f"job-{job.provider_job_id}")
    os.rename(container, Path(root, "elsewhere"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = SubmissionEnvironment("Local", root=root)
        assert again.submit(abs, -2).result(30) == 2
        assert again.job(job.id).wait(30).status is JobStatus.FAILED


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE jobs SET id = x'00ff' WHERE id = ?",
        "UPDATE jobs SET position = x'00ff' WHERE id = ?",
        "UPDATE jobs SET position = 9223372036854775807 WHERE id = ?",
        "UPDATE jobs SET position = -1 WHERE id = ?",
        "UPDATE jobs SET record = 5 WHERE id = ?",
        "UPDATE jobs SET counts = 5, finished = 0 WHERE id = ?",
        "UPDATE jobs SET id = 'another' WHERE id = ?",
        "UPDATE tasks SET record = '[4611686018427387904, \"Succeeded\"]' WHERE job = ?",
        "UPDATE tasks SET record = '[-1, \"Running\"]' WHERE job = ?",
    ],
)
@pytest.mark.parametrize("finished", [0, 1])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_row_that_holds_nonsense_harms_that_job_alone(
    env: SubmissionEnvironment, root: str, statement: str, finished: int
) -> None:
    good, bad = env.submit(abs, -1).wait(30), env.submit(abs, -2).wait(30)
    stop_agent(root)
    with closing(sqlite3.connect(f"{root}/journal.sqlite", isolation_level=None)) as journal:
        journal.execute("UPDATE jobs SET finished = ? WHERE id = ?", (finished, bad.id))
        journal.execute(statement, (bad.id,))
    with SubmissionEnvironment("Local", root=root, slots=2) as again:
        assert good.id in [job.id for job in again.jobs()]
        assert single_job(again, good.id).result(30) == 1
        assert again.submit(abs, -3).result(30) == 3
        with pytest.raises((UnreadableRecord, JobNotFound), match=bad.id):
            single_job(again, bad.id).result(30)


def test_a_root_of_an_earlier_version_gets_what_it_lacks(env: SubmissionEnvironment, root: str) -> None:
    assert env.submit(abs, -1).result(60) == 1
    shutil.rmtree(Path(root, "blobs/remotebatch-objects/code"))
    assert env.submit(of_this_module, 2).result(60) == 3


def of_this_module(number: int) -> int:
    return number + 1
