"""``jobs`` and ``providers``: what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from remotebatch import ArrayJob, SubmissionEnvironment
from remotebatch.cli.describe import with_counts
from remotebatch.provider import JobListing
from remotebatch_local import LocalProvider

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
    cli: Any, env: SubmissionEnvironment, half_failed: ArrayJob[Any]
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


def test_json(cli: Any, half_failed: ArrayJob[Any]) -> None:
    (job,) = cli.json("jobs")
    assert job["status"] == "Completed"
    assert job["counts"] == {"active": 0, "running": 0, "succeeded": 3, "failed": 3}
    assert datetime.fromisoformat(job["submitted_at"]) == half_failed.submitted_at
    assert half_failed.submitted_at.tzinfo is timezone.utc


class _Uncounted(LocalProvider):
    """Its list of jobs has no counts."""

    def jobs(self) -> list[JobListing]:
        return [replace(listing, counts=None) for listing in super().jobs()]


def test_counts_that_the_list_lacks_are_asked_for(root: str, env: SubmissionEnvironment) -> None:
    jobs = [env.map_submit(abs, range(count)).wait() for count in (1, 2, 3)]
    provider = _Uncounted(root=root)
    listings = provider.jobs()
    jobs[1].delete()
    counted = with_counts(provider, listings)
    assert [(record.id, counts.succeeded) for record, counts in counted] == [(jobs[2].id, 3), (jobs[0].id, 1)]
    assert [listing.finished for listing in listings] == [True] * 3
    provider.close()


def test_no_jobs(cli: Any) -> None:
    assert cli.json("jobs") == []
    assert cli.succeed("jobs").split() == ["ID", "NAME", "TYPE", "STATUS", "SUBMITTED"]


def test_providers(cli: Any) -> None:
    local = {"name": "Local", "module": "remotebatch_local"}
    assert any(local.items() <= found.items() for found in cli.json("providers"))
    assert re.search(r"^Local +remotebatch_local ", cli.succeed("providers"), re.MULTILINE)


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
