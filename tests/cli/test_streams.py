"""Terminals, pipes that break, and Ctrl-C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from typing import Any

from remotebatch import SubmissionEnvironment


def _in_terminal(arguments: list[str]) -> str:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(arguments, stdout=slave, env=environment) as process:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65536):
                shown += part
        except OSError:  # the other side is closed
            pass
    os.close(master)
    assert process.returncode == 0
    return shown.decode()


def test_terminal_has_colours_and_short_ids(cli: Any, env: SubmissionEnvironment) -> None:
    job = env.options(name="[bold]x").submit(pow, 2, 3).wait()
    shown = _in_terminal(cli.argv("jobs"))
    assert "\x1b[" in shown
    assert job.id[:8] in shown
    assert job.id not in shown
    assert "[bold]x" in shown
    assert job.id in _in_terminal(cli.argv("status", job.id))


def test_broken_pipe_is_quiet(cli: Any, env: SubmissionEnvironment) -> None:
    array = env.map_submit(range, range(200), chunksize=100).wait()
    for command in (["jobs"], ["result", array.id]):
        process = subprocess.Popen(cli.argv(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) == (141, b"")


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
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        output, said = process.communicate(timeout=60)
        assert (process.returncode, output, said) == (130, b"", b"")
    assert job.in_progress
