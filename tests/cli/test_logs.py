"""``logs``: what a job writes, so far and as it comes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from remotebatch import ArrayJob, Command, SubmissionEnvironment


def _in_two_parts(go_on: Path) -> None:
    print("first", flush=True)
    while not go_on.exists():
        time.sleep(0.02)
    print("second")
    print("trouble", file=sys.stderr)


def test_so_far_and_after(cli: Any, env: SubmissionEnvironment, tmp_path: Path) -> None:
    job = env.submit(_in_two_parts, tmp_path / "go")
    while not job.log():
        time.sleep(0.05)
    assert cli.succeed("logs", job.id) == "first\n"
    (tmp_path / "go").touch()
    job.wait()
    assert cli.succeed("logs", job.id) == "first\nsecond\n"
    assert cli.succeed("logs", job.id, "--stderr") == "trouble\n"
    assert cli.json("logs", job.id) == {"id": job.id, "stream": "stdout", "text": "first\nsecond\n"}


@pytest.mark.parametrize("as_json", [False, True])
def test_follow(cli: Any, env: SubmissionEnvironment, tmp_path: Path, as_json: bool) -> None:
    job = env.submit(_in_two_parts, tmp_path / "go")
    arguments = cli.argv("logs", "--follow", job.id, *(["--json"] if as_json else []))
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        first = following.stdout.readline()
        assert following.poll() is None
        (tmp_path / "go").touch()
        lines = [first, *following.stdout]
    assert following.returncode == 0
    assert [json.loads(line) if as_json else line.rstrip("\n") for line in lines] == ["first", "second"]


def test_bytes_are_passed_on_as_they_are(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(Command(["printf", r"\377\0no line end"])).wait()
    assert subprocess.check_output(cli.argv("logs", job.id)) == b"\xff\0no line end"


def test_array_needs_a_child(cli: Any, half_failed: ArrayJob[Any]) -> None:
    assert "an array of 6 children: choose one with --child" in cli.fail("logs", half_failed.id, code=2)
    assert cli.succeed("logs", half_failed.id, "--child", "0") == ""
    assert "has children 0 to 5" in cli.fail("logs", half_failed.id, "--child", "6", code=2)
