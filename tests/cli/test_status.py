"""``status``, and the commands that change it."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from remotebatch import ArrayJob, JobStatus, SubmissionEnvironment


def _facts(output: str) -> dict[str, str]:
    """Labels and values of the part before the first empty line."""
    lines = output.partition("\n\n")[0].splitlines()
    return {label: value.strip() for label, _, value in (line.partition("  ") for line in lines)}


def _fail_if_there(path: Path) -> str:
    if path.exists():
        raise FileExistsError(path)
    return "well"


def test_single(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.options(environment={"TOKEN": "secret"}, max_retries=2).submit(pow, 2, 3).wait()
    output = cli.succeed("status", job.id)
    facts = _facts(output)
    assert facts["id"] == job.id
    assert facts["status"] == "Succeeded"
    assert facts["exit code"] == "0"
    assert facts["settings"] == f"max_retries=2; environment=TOKEN; seed={job.settings['seed']}"
    assert "reason" not in facts
    assert "secret" not in output


def test_single_json(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(pow, 2, 3).wait()
    found = cli.json("status", job.id)
    assert (found["type"], found["status"], found["failure_type"]) == ("Single", "Succeeded", None)
    times = [datetime.fromisoformat(found[name]) for name in ("submitted_at", "started_at", "ended_at")]
    assert times == sorted(times)


def test_array_shows_failed_children(cli: Any, half_failed: ArrayJob[Any]) -> None:
    output = cli.succeed("status", half_failed.id)
    assert _facts(output)["children"] == "6: 3 succeeded, 3 failed, 0 running, 0 active"
    assert _facts(output)["reason"].startswith("3 of 6 children failed; child 1: ")
    heading, *lines = output.partition("\n\n")[2].splitlines()
    assert heading.startswith("FAILED CHILD  EXIT CODE  REASON")
    assert [line.split()[0] for line in lines] == ["1", "3", "5"]
    assert "5 is odd" in lines[2]


def test_array_json(cli: Any, half_failed: ArrayJob[Any]) -> None:
    found = cli.json("status", half_failed.id)
    assert found["counts"]["failed"] == 3
    assert found["child_statuses"] == ["Succeeded", "Failed"] * 3


def test_only_the_first_failed_children(cli: Any, env: SubmissionEnvironment) -> None:
    array = env.map_submit(divmod, range(23), [0] * 23).wait()
    lines = cli.succeed("status", array.id).splitlines()
    assert lines[-1] == "and 3 more"
    assert lines[-2].split()[0] == "19"


def test_abort(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 600)
    assert cli.succeed("abort", job.id[:13]) == f"Aborting sleep ({job.id})\n"
    job.wait(30)
    facts = _facts(cli.succeed("status", job.id))
    assert facts["status"] == "Failed"
    assert facts["failure"] == "Aborted"
    assert facts["reason"].startswith("aborted by remotebatch on behalf of ")


def test_retry(cli: Any, env: SubmissionEnvironment, tmp_path: Path) -> None:
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    job = env.submit(_fail_if_there, obstacle).wait()
    assert job.status is JobStatus.FAILED
    obstacle.unlink()
    assert cli.json("retry", job.id)["id"] == job.id
    assert cli.succeed("result", job.id) == "well\n"
    assert cli.json("status", job.id)["attempts"] == 2


def test_delete(cli: Any, env: SubmissionEnvironment) -> None:
    job, other = env.submit(pow, 2, 3).wait(), env.submit(pow, 2, 4).wait()
    assert cli.succeed("delete", job.id) == f"Deleted pow ({job.id})\n"
    assert cli.json("delete", other.id) == {"id": other.id, "name": "pow", "deleted": True}
    assert cli.json("jobs") == []
    assert cli.fail("status", job.id).startswith("Error: no job ")
