"""Terminals, pipes that break, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from remotebatch import SubmissionEnvironment
from tests.support.terminal import run_in_terminal


def test_terminal_has_colours_and_short_ids(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.options(name="[bold]x").submit(pow, 2, 3).wait()
    shown = run_in_terminal(cli.argv("jobs"))
    assert "\x1b[" in shown
    assert job.id[:8] in shown
    assert job.id not in shown
    assert "[bold]x" in shown
    assert job.id in run_in_terminal(cli.argv("status", job.id))


def test_broken_pipe_is_quiet(cli: Any, env: SubmissionEnvironment) -> None:
    array = env.map_submit(range, range(200), chunksize=100).wait()
    for command in (["jobs"], ["result", array.id]):
        process = subprocess.Popen(cli.argv(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (141, b"")


def is_connected(process: subprocess.Popen[bytes]) -> bool:
    """Whether a command has begun to ask the agent."""
    assert process.poll() is None
    for entry in Path("/proc", str(process.pid), "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(entry).startswith("socket:"):
                return True
    return False


def test_interrupt(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 600)
    for command in (["result", job.id], ["logs", "--follow", job.id]):
        process = subprocess.Popen(
            cli.argv(*command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # it is ignored in what a shell began with "&", as this run may have been
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while not is_connected(process):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=60)
        assert (process.returncode, output, said) == (130, b"", b"")
    assert job.in_progress
