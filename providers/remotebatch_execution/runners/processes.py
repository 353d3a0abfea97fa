"""Tasks as processes, each forked from a fork server that has imported what it needs.

A fork server is one interpreter with one environment and one list of preloaded modules; tasks that
agree on these share it, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from remotebatch_execution.runners.base import TaskEnd, TaskSpec
from remotebatch_execution.runners.fork_servers import ForkServer, ForkServerKey
from remotebatch_kernel.system import linux

_MOST_FORK_SERVERS = 8
_OOM_KILLS_FRESH = 1.0
"""Seconds after which the system's count of such kills is read again before a task starts."""


def kill_leftovers(root: str) -> None:
    """Kill the processes of tasks that an agent and its fork servers, killed together, left behind."""
    mark = f"{linux.LEFTOVER_MARK}={root}\0".encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read() + b"\0":
                        linux.kill_tree(int(name))
            except (OSError, ValueError):  # it has ended, or is another user's
                continue


class ProcessRunner:
    """Runs tasks as processes of this machine.

    :param lock_descriptor: open file that its processes hold open too.
    :param scratch: directory for a few files of its processes; what is left there may be removed.
    """

    can_prefetch = True

    def __init__(self, lock_descriptor: int, scratch: str) -> None:
        self._lock_descriptor = lock_descriptor
        self._scratch = scratch
        self._fork_servers: dict[ForkServerKey, ForkServer] = {}  # the one used last comes last
        self._unloadable: set[ForkServerKey] = set()
        self._fork_server_pids: set[int] = set()  # including those that were closed and have not ended
        self._others = set(linux.children(os.getpid()))  # not started here
        self._running: dict[int, ForkServer] = {}
        self._oom_kills, self._oom_kills_read = _oom_kills(), time.monotonic()

    def start(
        self,
        spec: TaskSpec,
        began: Callable[[], None],
        ended: Callable[[TaskEnd], None],
        after: int | None = None,
    ) -> None:
        """Start a task; see :class:`~remotebatch_execution.runners.Runner`."""
        if time.monotonic() - self._oom_kills_read > _OOM_KILLS_FRESH:
            self._oom_kills, self._oom_kills_read = _oom_kills(), time.monotonic()
        try:
            server = self._running[after] if after in self._running else self._fork_server_for(spec)
        except OSError as error:
            end = TaskEnd(failure="SetupFailed", message=f"Python {spec.python!r} did not start: {error}")
            asyncio.get_running_loop().call_soon(ended, end)
            return
        self._running[spec.key] = server

        def over(end: TaskEnd) -> None:
            del self._running[spec.key]
            ended(self._explain(end))

        server.start(spec, began, over, after)

    def revoke(self, key: int, after: int, revoked: Callable[[], None]) -> None:
        """Revoke a prefetched task; see :class:`~remotebatch_execution.runners.Runner`."""

        def forget() -> None:
            del self._running[key]
            revoked()

        self._running[key].revoke(key, after, forget)

    def signal(self, key: int, number: int) -> None:
        """Signal a task: SIGTERM asks it to end, SIGKILL ends it with everything that it started."""
        if key in self._running:
            self._running[key].signal(key, number)

    async def close(self) -> None:
        """End all tasks and fork servers."""
        servers = list(self._fork_servers.values())
        for server in servers:
            server.close()
        await asyncio.gather(*(server.finished.wait() for server in servers))

    def _fork_server_for(self, spec: TaskSpec) -> ForkServer:
        key = ForkServerKey(
            spec.kernel,
            spec.python,
            tuple(sorted(spec.job_environment.items())),
            spec.preload,
            spec.load_ahead,
            spec.code if spec.load_ahead else "",
        )
        if key in self._unloadable:
            key = key._replace(preload=(), function="", code="")
        server = self._fork_servers.pop(key, None)
        if server is None or server.gone:
            self._close_idle()
            server = ForkServer(key, self._lock_descriptor, self._scratch, self._fork_server_ended)
            self._fork_server_pids.add(server.pid)
        self._fork_servers[key] = server
        return server

    def _close_idle(self) -> None:
        """Make room for another fork server: end those that were used the longest time ago."""
        idle = [key for key, server in self._fork_servers.items() if not server.busy]
        for key in idle[: len(self._fork_servers) - _MOST_FORK_SERVERS + 1]:
            self._fork_servers.pop(key).close()

    def _kill_orphans(self) -> None:
        """Kill what a dead fork server left: it becomes children of the agent, which is a subreaper too."""
        for pid in linux.children(os.getpid()):
            if pid not in self._fork_server_pids | self._others and linux.kill_tree(pid):
                os.waitpid(pid, 0)

    def _fork_server_ended(self, server: ForkServer) -> None:
        self._fork_server_pids.discard(server.pid)
        self._kill_orphans()
        if not server.ready:
            self._unloadable.add(server.key)  # the next one loads nothing ahead; tasks then report why

    def _explain(self, end: TaskEnd) -> TaskEnd:
        """Distinguish an out-of-memory kill, which the system counts, from any other SIGKILL."""
        if end.signal != 9:
            return end
        kills, self._oom_kills = self._oom_kills, _oom_kills()
        if self._oom_kills > kills:
            return TaskEnd(signal=9, out_of_memory=True, message="the machine ran out of memory")
        return end


def _oom_kills() -> int:
    """How many processes the system has killed since it started because memory ran out."""
    with open("/proc/vmstat", "rb") as file:
        for line in file:
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    return 0
