"""``jobs`` and ``providers``: what is there."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from remotebatch import ArrayJob, SubmissionEnvironment

_SCRIPT = """
import sys
import remotebatch

def area(width, height):
    return width * height

env = remotebatch.SubmissionEnvironment("Local", root=sys.argv[1], slots=2)
print(env.submit(area, 6, 7).id)
"""


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell]


def test_job_of_a_script_that_has_ended(cli: Any, root: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    job_id = subprocess.check_output([sys.executable, script, root], text=True).strip()
    assert cli.succeed("result", job_id) == "42\n"
    heading, line = cli.succeed("jobs").splitlines()
    assert _cells(heading) == ["ID", "NAME", "TYPE", "STATUS", "SUBMITTED"]
    assert _cells(line)[:4] == [job_id, "area", "Single", "Succeeded"]


def test_piped_table_is_plain_and_aligned(
    cli: Any, env: SubmissionEnvironment, half_failed: ArrayJob
) -> None:
    env.options(name="[red]a\nname[/red]").submit(pow, 2, 3).wait()
    output = cli.succeed("jobs")
    heading, *lines = output.splitlines()
    assert output.isascii()
    assert "\x1b" not in output
    assert len(lines) == 2
    starts = heading.index("TYPE"), heading.index("STATUS")
    assert [line[starts[0] :].split()[0] for line in lines] == ["Single", "Array"]
    assert "[red]a name[/red]" in lines[0]
    assert lines[1][starts[1] :].startswith("3/6, 3 failed  ")


def test_one_type(cli: Any, env: SubmissionEnvironment) -> None:
    single, array = env.submit(pow, 2, 3).wait(), env.map_submit(abs, [1, 2]).wait()
    assert [job["id"] for job in cli.json("jobs", "--type", "Single")] == [single.id]
    assert [job["id"] for job in cli.json("jobs", "--type", "array")] == [array.id]
    assert "'Child' is not one of" in cli.fail("jobs", "--type", "Child", code=2)


def test_json(cli: Any, half_failed: ArrayJob) -> None:
    (job,) = cli.json("jobs")
    assert job["status"] == "Completed"
    assert job["counts"] == {"active": 0, "running": 0, "succeeded": 3, "failed": 3}
    assert datetime.fromisoformat(job["submitted_at"]) == half_failed.submitted_at
    assert half_failed.submitted_at.tzinfo is timezone.utc


def test_no_jobs(cli: Any) -> None:
    assert cli.json("jobs") == []
    assert cli.succeed("jobs").split() == ["ID", "NAME", "TYPE", "STATUS", "SUBMITTED"]


def test_providers(cli: Any) -> None:
    assert {"name": "Local", "module": "remotebatch_local"}.items() <= cli.json("providers")[0].items()
    assert "Local  remotebatch_local" in cli.succeed("providers")


@pytest.mark.parametrize("option", ["root", "=x"])
def test_malformed_property(cli: Any, option: str) -> None:
    assert "not of the form name=value" in cli.fail("-p", option, "jobs", code=2)


def test_integers_among_the_properties(cli: Any) -> None:
    cli.succeed("-p", "slots=3", "jobs")
    assert cli.json("agent", "status")["slots"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", "rot=x"], "unknown property 'rot'; did you mean 'root'?"),
        (["-p", "slots=many"], "slots='many'"),
        (["--provider", "Lokal"], "no provider 'Lokal' is installed; installed are: "),
    ],
)
def test_wrong_group_options_are_one_line(cli: Any, options: list[str], message: str) -> None:
    said = cli.fail(*options, "jobs")
    assert said.startswith("Error: ")
    assert message in said
    assert said.count("\n") == 1
