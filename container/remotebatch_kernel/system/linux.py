"""What Linux offers to own a task's processes for certain: subreapers and the process tree.

Every task's first process is a *subreaper*: what its descendants leave behind, daemons that called
``setsid`` twice included, becomes its child and stays in its tree. When that process ends, the rest of the
tree becomes children of the next subreaper above, the fork server, which has no other children than its
workers: any child that it does not know is an orphan of an ended task. So no descendant can escape.
"""

from __future__ import annotations

import ctypes
import os
import signal

LEFTOVER_MARK = "REMOTEBATCH_AGENT"
"""Environment variable that marks every process of an agent's tasks, so leftovers can be found."""
_PR_SET_CHILD_SUBREAPER = 36

_prctl = ctypes.PyDLL(None).prctl  # PyDLL: such a short call is not worth letting go of the GIL
_prctl.argtypes = [ctypes.c_int, ctypes.c_ulong]


def become_subreaper() -> None:
    """Orphaned descendants of this process become its children (kept across ``exec``)."""
    if _prctl(_PR_SET_CHILD_SUBREAPER, 1) != 0:
        raise OSError("this system has no child subreapers: Linux 3.4 or newer is needed")


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


def kill_tree(pid: int) -> bool:
    """SIGKILL a process and all its descendants; return whether the process itself could be killed.

    Each is stopped as it is found, so that none can start another between the look and the kill.
    """
    stopped: set[int] = set()
    waiting = [pid]
    while waiting:
        for process in waiting:
            stopped.add(process)
            _signal(process, signal.SIGSTOP)
        waiting = [child for process in stopped for child in children(process) if child not in stopped]
    killed = [process for process in stopped if _signal(process, signal.SIGKILL)]
    return pid in killed


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # it has ended, or has become another user's
        return False
    return True
