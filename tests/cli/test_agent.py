"""``agent status`` and ``agent stop``."""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import Any

from remotebatch import SubmissionEnvironment


def test_looking_starts_none(cli: Any, root: str) -> None:
    for command in ("status", "stop"):
        assert cli.succeed("agent", command) == f"No agent is running for {root}\n"
    assert cli.json("agent", "status") == {"running": False, "root": root}
    assert cli.json("agent", "stop") == {"root": root, "stopped": False}
    assert os.listdir(root) == []


def test_status(cli: Any, env: SubmissionEnvironment, root: str) -> None:
    env.submit(pow, 2, 3).wait()
    found = cli.json("agent", "status")
    assert (found["running"], found["root"], found["jobs"]) == (True, root, 1)
    assert datetime.fromisoformat(found["started_at"]).tzinfo is not None
    output = cli.succeed("agent", "status")
    assert f"process  {found['pid']}\n" in output
    assert "slots    2, 2 free\n" in output


def test_stop(cli: Any, env: SubmissionEnvironment, root: str) -> None:
    job = env.submit(pow, 2, 3).wait()
    assert cli.succeed("agent", "stop") == f"Stopped the agent for {root}\n"
    assert not cli.json("agent", "status")["running"]
    assert cli.succeed("result", job.id) == "8\n"


def test_busy_agent_is_stopped_only_by_force(cli: Any, env: SubmissionEnvironment) -> None:
    env.submit(time.sleep, 600)
    assert cli.fail("agent", "stop").startswith("Error: jobs are in progress")
    assert cli.json("agent", "stop", "--force")["stopped"]
    assert not cli.json("agent", "status")["running"]
