"""The bar of an array: drawn in a terminal, one plain line elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.terminal import run_in_terminal

SCRIPT = """
import os, remotebatch, sys, time
root, gate = sys.argv[1:]

def work(number):
    while not os.path.exists(gate):
        time.sleep(0.05)
    return 1 / number

env = remotebatch.SubmissionEnvironment("Local", root=root, slots=2).options(name="sweep")
env.map_submit(work, range(5)).progress()
"""


def test_in_a_terminal(root: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    text = run_in_terminal(
        [sys.executable, "-c", SCRIPT, root, str(gate)], "stderr", once=("running", gate.touch)
    )
    assert "sweep" in text
    assert "5/5" in text
    assert "4 succeeded, 1 failed" in text


def test_elsewhere(root: str, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    completed = subprocess.run(
        [sys.executable, "-c", SCRIPT, root, str(gate)], capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == "sweep: 4 succeeded, 1 failed\n"
