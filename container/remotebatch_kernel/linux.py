"""What Linux offers to own a task's processes for certain: subreapers, death signals, the process tree.

Every task's first process is a *subreaper*: what its descendants leave behind, daemons that called
``setsid`` twice included, becomes its child and stays in its tree. When that process ends, all that
is left of the tree falls to the next subreaper above, the warm kernel, which owns nothing but tasks:
any child it does not know is an orphan of an ended task. So no descendant can slip away.
"""
from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Orphaned descendants of this process become its children (kept across ``exec``)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """SIGKILL this process when its parent ends, however that ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Process ids of the direct children of all threads of a process; none if it is gone."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all its descendants.

    Each is stopped as it is found, so that none can start another between the look and the kill.
    """
    stopped: set[int] = set()
    waiting = [pid]
    while waiting:
        for process in waiting:
            stopped.add(process)
            _signal(process, signal.SIGSTOP)
        waiting = [
            child for process in stopped for child in children(process) if child not in stopped
        ]
    for process in stopped:
        _signal(process, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
