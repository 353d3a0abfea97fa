"""Working directories: used again where a task left them unchanged, and in no other case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from remotebatch_execution.working_directories import Scratch


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    (tmp_path / "scratch" / "of-an-earlier-process").mkdir(parents=True)
    scratch = Scratch(str(tmp_path / "scratch"))
    yield scratch
    scratch.close()


def give_back(scratch: Scratch, directory: str, tmp_path: Path, keep: bool = False) -> None:
    scratch.give_back(
        directory, outputs=str(tmp_path / "task" / "outputs"), keep=str(tmp_path / "kept") if keep else None
    )


def test_an_unchanged_directory_is_used_again(scratch: Scratch, tmp_path: Path) -> None:
    first, second = scratch.take(), scratch.take()
    assert first != second
    assert os.listdir(first) == ["JobOutput"]
    give_back(scratch, first, tmp_path)
    assert scratch.take() == first


def test_outputs_are_moved(scratch: Scratch, tmp_path: Path) -> None:
    directory = scratch.take()
    Path(directory, "JobOutput", "made").write_text("x")
    give_back(scratch, directory, tmp_path)
    assert os.listdir(tmp_path / "task" / "outputs") == ["made"]
    assert scratch.take() == directory


@pytest.mark.parametrize("keep", [False, True])
def test_a_changed_directory_is_removed_or_kept(scratch: Scratch, tmp_path: Path, keep: bool) -> None:
    directory = scratch.take()
    Path(directory, "left").write_text("x")
    give_back(scratch, directory, tmp_path, keep)
    assert scratch.take() != directory
    assert (tmp_path / "kept" / "left").exists() is keep


def test_a_link_in_place_of_job_output_is_not_followed(scratch: Scratch, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret").write_text("x")
    directory = scratch.take()
    os.rmdir(f"{directory}/JobOutput")
    os.symlink(other, f"{directory}/JobOutput")
    give_back(scratch, directory, tmp_path)
    assert not (tmp_path / "task").exists()
    assert (other / "secret").exists()
    assert scratch.take() != directory


def test_what_an_earlier_process_left_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "scratch"
    (root / "left" / "behind").mkdir(parents=True)
    (root / "fork-server-1").mkdir()
    Scratch(str(root)).close()
    assert list(root.iterdir()) == []
