"""Programs of a user, run beside a Local provider."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Run = Callable[..., str]
"""Runs Python with arguments in a directory of its own and returns what it printed."""

ENVIRONMENT = """
import os
import remotebatch
env = remotebatch.SubmissionEnvironment("Local", root=os.environ["ROOT"], slots=2)
"""


@pytest.fixture
def run(root: str, tmp_path: Path) -> Run:
    def run(arguments: Sequence[str], files: dict[str, str] | None = None, stdin: str | None = None) -> str:
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        completed = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "ROOT": root},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr
        return completed.stdout

    return run
