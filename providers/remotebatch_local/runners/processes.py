"""Tasks as processes, each forked from a warm kernel that has imported what it needs.

A warm kernel is one interpreter with one environment and one list of preloaded modules; tasks that
agree on these share it, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from remotebatch_kernel import exit_codes, linux
from remotebatch_local.runners import TaskEnd, TaskSpec

_MOST_KERNELS = 8
_log = logging.getLogger(__name__)


class KernelKey(NamedTuple):
    """What tasks must agree on to share a warm kernel."""

    archive: str
    python: str
    environment: tuple[tuple[str, str], ...]
    preload: tuple[str, ...]


class ProcessRunner:
    """Runs tasks as processes of this machine."""

    def __init__(self, lock_descriptor: int) -> None:
        self._lock_descriptor = lock_descriptor
        self._kernels: dict[KernelKey, _WarmKernel] = {}  # the one used last comes last
        self._running: dict[int, _WarmKernel] = {}
        self._oom_kills = _oom_kills()

    def start(self, spec: TaskSpec, ended: Callable[[TaskEnd], None]) -> None:
        """Start a task; ``ended`` is called when it is over, with all it started."""
        key = KernelKey(spec.kernel, spec.python, tuple(sorted(spec.job_environment.items())), spec.preload)
        kernel = self._kernels.pop(key, None)
        if kernel is None or kernel.gone:
            self._retire_idle()
            try:
                kernel = _WarmKernel(key, self._lock_descriptor, self._kill_orphans)
            except OSError as error:
                end = TaskEnd(failure="SetupFailed", message=f"Python {spec.python!r} did not start: {error}")
                asyncio.get_running_loop().call_soon(ended, end)
                return
        self._kernels[key] = kernel
        self._running[spec.key] = kernel

        def over(end: TaskEnd) -> None:
            del self._running[spec.key]
            ended(self._explain(end))

        kernel.start(spec, over)

    def signal(self, key: int, number: int) -> None:
        """SIGTERM: ask a task to end. SIGKILL: end it with everything it started."""
        if key in self._running:
            self._running[key].send({"signal": key, "number": number})

    async def close(self) -> None:
        """End everything."""
        kernels = list(self._kernels.values())
        for kernel in kernels:
            kernel.close()
        await asyncio.gather(*(kernel.finished.wait() for kernel in kernels))

    def _retire_idle(self) -> None:
        idle = [key for key, kernel in self._kernels.items() if not kernel.busy]
        for key in idle[: len(self._kernels) - _MOST_KERNELS + 1]:
            self._kernels.pop(key).close()

    def _kill_orphans(self) -> None:
        """What a dead warm kernel leaves falls to the agent, a subreaper itself: kill what is no kernel."""
        kernels = {kernel.pid for kernel in self._kernels.values() if not kernel.gone}
        for pid in linux.children(os.getpid()):
            if pid not in kernels:
                linux.kill_tree(pid)
                os.waitpid(pid, 0)

    def _explain(self, end: TaskEnd) -> TaskEnd:
        """Tell a kill for want of memory from any other SIGKILL: the system counts its own."""
        if end.signal != 9:
            return end
        kills, self._oom_kills = self._oom_kills, _oom_kills()
        if self._oom_kills > kills:
            return TaskEnd(signal=9, out_of_memory=True, message="the machine ran out of memory")
        return end


class _WarmKernel:
    def __init__(self, key: KernelKey, lock_descriptor: int, clean_up: Callable[[], None]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [key.python, key.archive, "serve", str(descriptor), *key.preload],
                stdin=subprocess.DEVNULL,
                env=dict(key.environment),
                cwd="/",
                # it holds the agent's lock too: a new agent waits until its tasks are gone
                pass_fds=(descriptor, lock_descriptor),
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.gone = False
        self._clean_up = clean_up
        self.finished = asyncio.Event()
        self._tasks: dict[int, Callable[[TaskEnd], None]] = {}
        self._setup_failures: dict[int, str] = {}
        self._unsent: list[bytes] = []
        self._writer: asyncio.StreamWriter | None = None
        self._reading = asyncio.ensure_future(self._serve(ours))

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def start(self, spec: TaskSpec, ended: Callable[[TaskEnd], None]) -> None:
        self._tasks[spec.key] = ended
        self.send(
            {
                "start": spec.key,
                "task": {
                    "directory": spec.directory,
                    "log_directory": spec.log_directory,
                    "environment": spec.environment,
                    "memory_limit": spec.memory_limit,
                    "files": spec.files,
                    "argv": spec.argv,
                    "call": spec.call,
                },
            }
        )

    def send(self, message: object) -> None:
        data = json.dumps(message).encode() + b"\n"
        if self._writer is None:
            self._unsent.append(data)
        elif not self.gone:
            self._writer.write(data)

    def close(self) -> None:
        if self._writer is None:
            self._process.kill()
        else:
            self._writer.close()

    async def _serve(self, channel: socket.socket) -> None:
        reader, self._writer = await asyncio.open_connection(sock=channel)
        self._writer.writelines(self._unsent)
        try:
            while line := await reader.readline():
                self._handle(json.loads(line))
        except ConnectionError as error:
            _log.warning("lost a warm kernel: %s", error)
        self.gone = True
        self._writer.close()
        await asyncio.to_thread(self._process.wait)
        self._clean_up()
        for ended in list(self._tasks.values()):
            ended(
                TaskEnd(lost=True, message=f"its warm kernel ended with code {self._process.returncode}")
            )
        self._tasks.clear()
        self.finished.set()

    def _handle(self, message: dict[str, int]) -> None:
        if "ended" in message:
            key = message["ended"]
            failure = self._setup_failures.pop(key, None)
            end = TaskEnd(exit_code=message["exit_code"], signal=message["signal"])
            if failure is not None:
                end = TaskEnd(exit_code=exit_codes.SETUP_FAILED, failure="SetupFailed", message=failure)
            self._tasks.pop(key)(end)
        elif "setup_failed" in message:
            self._setup_failures[message["setup_failed"]] = str(message["message"])


def _oom_kills() -> int:
    """How often the system has killed a process for want of memory since it started."""
    with open("/proc/vmstat", "rb") as file:
        for line in file:
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    return 0
