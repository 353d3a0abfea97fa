"""``input_files`` takes files, bytes, folders and patterns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from remotebatch import InvalidSetting, SubmissionEnvironment
from remotebatch.input_files import expand


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with some files."""
    for name in ("runs/a.csv", "runs/one/b.csv", "runs/one/deep/c.csv", "runs/notes.txt", "literal[1].txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "empty/inner").mkdir(parents=True)
    (tmp_path / "runs/one/loop").symlink_to("..")
    (tmp_path / "runs/dangling").symlink_to("nothing")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("runs", {"in/a.csv", "in/one/b.csv", "in/one/deep/c.csv", "in/notes.txt"}),
        (Path("runs/one"), {"in/b.csv", "in/deep/c.csv", "in/loop/a.csv", "in/loop/notes.txt"}),
        ("runs/*.csv", {"in/a.csv"}),
        ("runs/**/*.csv", {"in/a.csv", "in/one/b.csv", "in/one/deep/c.csv"}),
        ("runs/o*", {"in/one/b.csv", "in/one/deep/c.csv"}),
        ("*/a.csv", {"in/runs/a.csv"}),
        ("literal[1].txt", {"in"}),
        (b"bytes", {"in"}),
    ],
)
def test_what_a_source_stands_for(folder: Path, source: Any, names: set[str]) -> None:
    found = {name for name in expand({"in": source}) if "one/loop" not in name}
    assert found == names


def test_files_arrive(env: SubmissionEnvironment, folder: Path) -> None:
    def listing() -> list[str]:
        import os

        return sorted(os.path.join(place, name)[2:] for place, _, names in os.walk(".") for name in names)

    given: dict[str, Any] = {
        "data": "runs/one/deep",
        "tables": folder / "runs/*.csv",
        "data/more.txt": b"more",
        "b.csv": "runs/one/b.csv",
    }
    job = env.options(input_files=given).submit(listing)
    expected = ["b.csv", "data/c.csv", "data/more.txt", "tables/a.csv"]
    assert job.result(60) == expected
    assert sorted(job.settings["input_files"]) == expected


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"in": "runs/*.parquet"}, r"'in': no file matches 'runs/\*\.parquet'"),
        ({"in": "empty"}, "'in': there is no file in the folder 'empty'"),
        ({"in": "emp*"}, "no file matches"),
        ({"in": "missing"}, "'missing' does not exist"),
        ({"in": 5}, "is a int; give a path or bytes"),
        ({"../in": "runs"}, "must be a relative path that stays inside"),
        ({".": "runs"}, "must be a relative path that stays inside"),
        ({"JobOutput/x": "runs"}, "lies in JobOutput"),
        ({"in": "runs", "in/a.csv": b""}, "'in' and 'in/a.csv' have a file in the same place"),
        ({"in": b"", "in/x": b""}, "'in' is a file, so 'in/x' cannot lie in it"),
        ({"in": "runs", "in/a.csv/x": b""}, "'in/a.csv' is a file"),
    ],
)
def test_what_is_refused(env: SubmissionEnvironment, folder: Path, files: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        env.options(input_files=files)


def test_names_that_no_provider_can_store(env: SubmissionEnvironment, folder: Path) -> None:
    Path(os.fsdecode(b"runs/\xff")).write_text("")
    with pytest.raises(InvalidSetting, match="half a surrogate pair"):
        env.options(input_files={"in": "runs"})
