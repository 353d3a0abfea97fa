"""The bar of an array: drawn in a terminal, one plain line elsewhere."""

from __future__ import annotations

import subprocess
import sys

from tests.support.terminal import run_in_terminal

SCRIPT = """
import remotebatch, sys, time
env = remotebatch.SubmissionEnvironment("Local", root=sys.argv[1], slots=2).options(name="sweep")
env.map_submit(lambda i: time.sleep(0.3) if i else 1 / i, range(5)).progress()
"""


def test_in_a_terminal(root: str) -> None:
    text = run_in_terminal([sys.executable, "-c", SCRIPT, root], "stderr")
    assert "sweep" in text
    assert "running" in text
    assert "5/5" in text
    assert "4 succeeded, 1 failed" in text


def test_elsewhere(root: str) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", SCRIPT, root], capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == "sweep: 4 succeeded, 1 failed\n"
