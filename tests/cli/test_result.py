"""``result``: values, failures and commands."""

from __future__ import annotations

import time
from typing import Any

import pytest

from remotebatch import ArrayJob, Command, SubmissionEnvironment


def _slowly(value: str) -> str:
    time.sleep(1.5)
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain words", "plain words"),
        ({"a": (1, "x")}, "{'a': (1, 'x')}"),
        (None, "None"),
        ("\ud800", "\\ud800"),
    ],
)
def test_value(cli: Any, env: SubmissionEnvironment, value: Any, text: str) -> None:
    job = env.submit(lambda: value)
    assert cli.succeed("result", job.id) == f"{text}\n"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": [1, 2.5, None]}, {"a": [1, 2.5, None]}),
        (2j, {"repr": "2j"}),
        (float("nan"), {"repr": "nan"}),
        ([], []),
    ],
)
def test_json_value(cli: Any, env: SubmissionEnvironment, value: Any, found: Any) -> None:
    assert cli.json("result", env.submit(lambda: value).id) == found


def test_it_waits(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(_slowly, "at last")
    assert not job.done()
    assert cli.succeed("result", job.id) == "at last\n"


def test_array(cli: Any, env: SubmissionEnvironment) -> None:
    array = env.map_submit(str.upper, "abcde", chunksize=2)
    assert cli.succeed("result", array.id) == "A\nB\nC\nD\nE\n"
    assert cli.json("result", array.id) == ["A", "B", "C", "D", "E"]
    assert cli.succeed("result", array.id, "--child", "1") == "C\nD\n"
    assert cli.json("result", array.id, "--child", "1") == ["C", "D"]


def test_child_of_an_array(cli: Any, half_failed: ArrayJob[Any]) -> None:
    assert cli.json("result", half_failed.id, "--child", "4") == 4
    assert "has children 0 to 5" in cli.fail("result", half_failed.id, "--child", "6", code=2)


def test_child_of_a_single_job(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(pow, 2, 3)
    assert "without children" in cli.fail("result", job.id, "--child", "0", code=2)


def test_failure_shows_the_remote_traceback(cli: Any, env: SubmissionEnvironment) -> None:
    def fail_deep_inside() -> None:
        raise LookupError("nothing there")

    job = env.submit(lambda: fail_deep_inside())
    for options in ([], ["--json"]):
        said = cli.fail("result", job.id, *options)
        assert "LookupError: nothing there" in said
        assert "Remote traceback of task 10000000" in said
        assert "in fail_deep_inside" in said


def test_failure_of_an_array_is_its_first(cli: Any, half_failed: ArrayJob[Any]) -> None:
    said = cli.fail("result", half_failed.id)
    assert "ValueError: 1 is odd" in said
    assert "3 is odd" not in said


def test_failure_without_an_exception(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 600).abort()
    said = cli.fail("result", job.id)
    assert said.startswith("Error: Aborted: aborted by remotebatch on behalf of ")
    assert "Traceback" not in said


def test_command(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(Command(["sh", "-c", "printf out; printf err >&2; exit 7"]))
    done = cli("result", job.id)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out", "err")
    done = cli("result", job.id, "--json")
    assert done.returncode == 7
    assert '"stdout": "out"' in done.stdout
    assert done.stderr == ""


def test_array_of_commands(cli: Any, env: SubmissionEnvironment) -> None:
    array = env.map_submit([Command(["echo", str(number)]) for number in range(3)])
    assert cli.succeed("result", array.id) == "0\n1\n2\n"
    assert [each["stdout"] for each in cli.json("result", array.id)] == ["0\n", "1\n", "2\n"]
    assert cli.json("result", array.id, "--child", "2")["stdout"] == "2\n"


def test_aborted_command(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(Command(["sleep", "600"])).abort()
    done = cli("result", job.id)
    assert done.returncode not in (0, 2)
    assert done.stderr.startswith("Error: Aborted: aborted by remotebatch on behalf of ")
