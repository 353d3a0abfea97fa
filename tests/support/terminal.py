"""A real terminal for programs that look different in one."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from typing import Any


def run_in_terminal(
    arguments: list[str], stream: str = "stdout", once: tuple[str, Callable[[], Any]] | None = None
) -> str:
    """Run a program with one of its streams in a terminal; return what it showed there.

    :param once: a text, and what to do as soon as it is shown.
    """
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    streams: dict[str, Any] = {stream: slave}
    with subprocess.Popen(arguments, env=environment, **streams) as process:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65536):
                shown += part
                if once is not None and once[0].encode() in shown:
                    once[1]()
                    once = None
        except OSError:  # the other side is closed
            pass
    os.close(master)
    assert process.returncode == 0
    return shown.decode()
