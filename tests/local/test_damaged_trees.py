"""Trees of own modules that someone, a task perhaps, has written into: the next submission mends them."""

from __future__ import annotations

import importlib
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from remotebatch import JobFailed, SubmissionEnvironment

_MODULE = """
import os
import shutil
from pathlib import Path

HERE = Path(__file__).parent

def read():
    return (HERE / "data.txt").read_text(), (HERE / "more" / "data.txt").read_text()

def spoil():
    (HERE / "data.txt").unlink()
    (HERE / "data.txt").write_text("spoilt")
    shutil.rmtree(HERE / "more")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of the user's with data files."""
    folder = tmp_path / "spoilt_package"
    (folder / "more").mkdir(parents=True)
    (folder / "__init__.py").write_text(_MODULE)
    for place in (folder, folder / "more"):
        (place / "data.txt").write_text("intact")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("spoilt_package")
    del sys.modules["spoilt_package"]


def test_a_task_that_spoils_its_files_spoils_no_later_job(
    env: SubmissionEnvironment, package: ModuleType
) -> None:
    env.submit(package.spoil).result(60)
    assert env.submit(package.read).result(60) == ("intact", "intact")
    env.submit(package.spoil).result(60)
    assert env.submit(package.read).result(60) == ("intact", "intact")


def test_a_tree_that_is_removed_before_its_task_runs(
    env: SubmissionEnvironment, package: ModuleType, root: str
) -> None:
    before = [env.submit(time.sleep, 2) for _ in range(2)]  # all slots
    waiting = env.submit(package.read)
    for tree in Path(root, "blobs/remotebatch-objects/code").iterdir():
        shutil.rmtree(tree)
    with pytest.raises(JobFailed, match=r"InputUnavailable: .* are not in .* any more: submit"):
        waiting.result(60)
    assert [job.result(60) for job in before] == [None, None]
    assert env.submit(package.read).result(60) == ("intact", "intact")
    waiting.retry()
    assert waiting.result(60) == ("intact", "intact")
