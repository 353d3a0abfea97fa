"""Which files a filePattern means, and what they are called where they go."""

from __future__ import annotations

import glob
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azurebatch_emulator.execution.patterns import FilePattern


@pytest.fixture
def wd(tmp_path: Path) -> str:
    """A task's working directory as a task may leave it."""
    files = [
        "stdout.txt",
        "stderr.txt",
        "wd/a.txt",
        "wd/b.txt",
        "wd/c.log",
        "wd/.a.gif",
        "wd/a.gif",
        "wd/abc*",
        "wd/abcdef",
        "wd/back\\slash.txt",
        "wd/out/a.txt",
        "wd/out/deep/er/b.txt",
        "wd/.hidden/c.txt",
    ]
    for name in files:
        path = tmp_path / "task[1]" / name  # a directory whose name looks like a pattern
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return str(tmp_path / "task[1]" / "wd")


def names(pattern: str, wd: str, **environment: str) -> list[str]:
    environment.setdefault("AZ_BATCH_TASK_DIR", os.path.dirname(wd))
    matches = FilePattern(pattern, wd, environment).find()
    for path, name in matches:
        assert os.path.isfile(path)
        assert path.endswith("/" + name)
    return [name for _, name in matches]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt", "back\\slash.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[b-z].txt", ["b.txt"]),
        ("[!a].txt", ["b.txt"]),
        ("abc*", ["abc*", "abcdef"]),
        ("abc[*]", ["abc*"]),
        ("*.gif", ["a.gif"]),
        (".*.gif", [".a.gif"]),
        ("**/*.txt", ["a.txt", "b.txt", "back\\slash.txt", "out/a.txt", "out/deep/er/b.txt"]),
        ("out/**/*.txt", ["a.txt", "deep/er/b.txt"]),
        ("out/**", ["a.txt", "deep/er/b.txt"]),
        ("**/er/*", ["out/deep/er/b.txt"]),
        (".hidden/*", ["c.txt"]),
        ("out/a.txt", ["a.txt"]),
        ("./out//a.txt", ["a.txt"]),
        ("out", []),
        ("out/*", ["a.txt"]),
        ("missing.txt", []),
        ("missing/*", []),
        ("*/../a.txt", []),
        ("../std*.txt", ["stderr.txt", "stdout.txt"]),
        ("../stdout.txt", ["stdout.txt"]),
        ("..\\std*.txt", []),  # only Windows nodes take a backslash for a separator
        ("back\\*.txt", ["back\\slash.txt"]),
        ("$AZ_BATCH_TASK_DIR/*.txt", ["stderr.txt", "stdout.txt"]),
        ("${AZ_BATCH_TASK_DIR}/stdout.txt", ["stdout.txt"]),
        ("$WHICH.txt", ["a.txt", "b.txt"]),
        ("$UNKNOWN/a.txt", []),
        ("", []),
        ("/", []),
    ],
)
def test_a_pattern_means_these_files(wd: str, pattern: str, expected: list[str]) -> None:
    assert names(pattern, wd, WHICH="[ab]") == expected


def test_an_absolute_pattern_does_not_depend_on_the_working_directory(wd: str) -> None:
    assert names(f"{glob.escape(wd)}/out/*", "/nowhere") == ["a.txt"]


@pytest.mark.parametrize(
    ("pattern", "has_wildcard"),
    [
        ("a.txt", False),
        ("abc[*]", False),
        ("../stdout.txt", False),
        ("a*", True),
        ("**/a", True),
        ("[ab]", True),
    ],
)
def test_a_wildcard_in_brackets_is_none(wd: str, pattern: str, has_wildcard: bool) -> None:
    assert FilePattern(pattern, wd, {}).has_wildcard is has_wildcard


def test_what_is_no_regular_file_is_left_out(wd: str) -> None:
    os.mkfifo(f"{wd}/pipe.txt")
    os.symlink("nowhere", f"{wd}/broken.txt")
    os.symlink("itself.txt", f"{wd}/itself.txt")
    os.symlink("a.txt", f"{wd}/link.txt")
    assert names("[bilp]*.txt", wd) == ["b.txt", "back\\slash.txt", "link.txt"]


def test_directories_that_contain_themselves_end(wd: str) -> None:
    os.symlink(".", f"{wd}/out/here")
    os.symlink("..", f"{wd}/out/up")
    assert names("out/**/*.txt", wd) == ["a.txt", "deep/er/b.txt"]
    assert names("out/here/*.txt", wd) == ["a.txt"]


def test_directories_nested_a_thousand_deep_are_searched() -> None:
    top = tempfile.mkdtemp()
    directory = os.open(top, os.O_RDONLY)
    try:
        for _ in range(1200):
            os.mkdir("d", dir_fd=directory)
            outer, directory = directory, os.open("d", os.O_RDONLY, dir_fd=directory)
            os.close(outer)
        os.mknod("file", dir_fd=directory)
        assert len(FilePattern("**/file", top, {}).find()) == 1
    finally:
        os.close(directory)
        subprocess.run(["rm", "-r", top], check=True)  # too deep for shutil.rmtree


SEGMENT = st.sampled_from(
    ["a", "b", ".a", "ab", "*", "?", "a*", "*b", "[ab]", "[!a]", ".*", "**", "a**", "[a", "[*]"]
)
FILE = st.lists(st.sampled_from(["a", "b", "ab", ".a", ".ab", "*", "[a"]), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.lists(FILE, max_size=8), st.lists(SEGMENT, min_size=1, max_size=4))
def test_patterns_mean_what_pythons_glob_finds(files: list[list[str]], segments: list[str]) -> None:
    with tempfile.TemporaryDirectory() as wd:
        for file in files:
            path = os.path.join(wd, *file)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w"):
                    pass
            except OSError:
                pass  # a file where another has a directory
        pattern = "/".join(segments)
        found = {path for path, _ in FilePattern(pattern, wd, {}).find()}
        expected = {
            os.path.join(wd, name)
            for name in glob.glob(pattern, root_dir=wd, recursive=True)
            if os.path.isfile(os.path.join(wd, name))
        }
        assert found == expected
