"""Looking for processes that should have ended."""

from __future__ import annotations

import time

import psutil


def await_end(pids: list[int], seconds: float = 30) -> None:
    """Wait until processes that are nobody's children here have ended."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if _lives(pid)]:
        assert time.monotonic() < deadline, f"{left} have not ended"
        time.sleep(0.02)


def processes_of(directory: str) -> list[int]:
    """Processes that name a directory in their arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if directory in " ".join(process.cmdline()):
                found.append(process.pid)
        except psutil.Error:  # it has just ended
            continue
    return found


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
