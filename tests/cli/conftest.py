"""The real command in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from remotebatch import ArrayJob, SubmissionEnvironment


class CommandLine:
    """``remotebatch`` for one root."""

    def __init__(self, root: str) -> None:
        self.root = root

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "remotebatch.cli", "-p", f"root={self.root}", *arguments]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments), capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL
        )

    def succeed(self, *arguments: str) -> str:
        """Its output; it must succeed and have nothing to say besides."""
        done = self(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.succeed(*arguments, "--json"))

    def fail(self, *arguments: str, code: int = 1) -> str:
        """What it says on standard error; there must be no output and no traceback of its own."""
        done = self(*arguments)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        return done.stderr


@pytest.fixture
def cli(root: str) -> CommandLine:
    return CommandLine(root)


@pytest.fixture
def half_failed(env: SubmissionEnvironment) -> ArrayJob[int]:
    """An array of six children that has completed, of which the odd three failed."""
    return env.map_submit(_refuse_odd, range(6)).wait()


def _refuse_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number
