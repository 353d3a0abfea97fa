"""Tasks as processes, each forked from a warm kernel that has imported what it needs.

A warm kernel is one interpreter with one environment and one list of preloaded modules; tasks that
agree on these share it, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

from remotebatch_execution.runners import TaskEnd, TaskSpec
from remotebatch_kernel.fork_server import frames
from remotebatch_kernel.system import linux

_MOST_KERNELS = 8
_START_LIMIT = 120.0
"""Seconds in which a warm kernel must have loaded what it is to load."""
_OOM_KILLS_FRESH = 1.0
_PICKLE_PROTOCOL = 4  # the kernel's Python may be older than ours
_log = logging.getLogger(__name__)


def kill_leftovers(root: str) -> None:
    """Kill what an agent and its kernels, killed together, left of their tasks."""
    mark = f"{linux.LEFTOVER_MARK}={root}\0".encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read() + b"\0":
                        linux.kill_tree(int(name))
            except (OSError, ValueError):  # it has ended, or is another user's
                continue


class KernelKey(NamedTuple):
    """What tasks must agree on to share a warm kernel."""

    archive: str
    python: str
    environment: tuple[tuple[str, str], ...]
    preload: tuple[str, ...]
    function: str


class ProcessRunner:
    """Runs tasks as processes of this machine.

    :param lock_descriptor: open file that its processes hold open too.
    :param scratch: directory for a few files of its processes; nobody misses what is left there.
    """

    can_follow = True

    def __init__(self, lock_descriptor: int, scratch: str) -> None:
        self._lock_descriptor = lock_descriptor
        self._scratch = scratch
        self._kernels: dict[KernelKey, _WarmKernel] = {}  # the one used last comes last
        self._unloadable: set[KernelKey] = set()
        self._kernel_pids: set[int] = set()  # of those that retire as well, until they have ended
        self._others = set(linux.children(os.getpid()))  # not of our making
        self._running: dict[int, _WarmKernel] = {}
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
            kernel = self._running[after] if after in self._running else self._kernel_for(spec)
        except OSError as error:
            end = TaskEnd(failure="SetupFailed", message=f"Python {spec.python!r} did not start: {error}")
            asyncio.get_running_loop().call_soon(ended, end)
            return
        self._running[spec.key] = kernel

        def over(end: TaskEnd) -> None:
            del self._running[spec.key]
            ended(self._explain(end))

        kernel.start(spec, began, over, after)

    def recall(self, key: int, after: int, recalled: Callable[[], None]) -> None:
        """Take back a task that was to start after another; not called back if it has started."""

        def forget() -> None:
            del self._running[key]
            recalled()

        self._running[key].recall(key, after, forget)

    def signal(self, key: int, number: int) -> None:
        """SIGTERM: ask a task to end. SIGKILL: end it with everything it started."""
        if key in self._running:
            self._running[key].signal(key, number)

    async def close(self) -> None:
        """End everything."""
        kernels = list(self._kernels.values())
        for kernel in kernels:
            kernel.close()
        await asyncio.gather(*(kernel.finished.wait() for kernel in kernels))

    def _kernel_for(self, spec: TaskSpec) -> _WarmKernel:
        key = KernelKey(
            spec.kernel,
            spec.python,
            tuple(sorted(spec.job_environment.items())),
            spec.preload,
            spec.load_ahead,
        )
        if key in self._unloadable:
            key = key._replace(preload=(), function="")
        kernel = self._kernels.pop(key, None)
        if kernel is None or kernel.gone:
            self._retire_idle()
            kernel = _WarmKernel(key, self._lock_descriptor, self._scratch, self._kernel_ended)
            self._kernel_pids.add(kernel.pid)
        self._kernels[key] = kernel
        return kernel

    def _retire_idle(self) -> None:
        idle = [key for key, kernel in self._kernels.items() if not kernel.busy]
        for key in idle[: len(self._kernels) - _MOST_KERNELS + 1]:
            self._kernels.pop(key).close()

    def _kill_orphans(self) -> None:
        """What a dead warm kernel leaves falls to the agent, a subreaper itself: kill what is no kernel."""
        for pid in linux.children(os.getpid()):
            if pid not in self._kernel_pids | self._others and linux.kill_tree(pid):
                os.waitpid(pid, 0)

    def _kernel_ended(self, kernel: _WarmKernel) -> None:
        self._kernel_pids.discard(kernel.pid)
        self._kill_orphans()
        if not kernel.ready:
            self._unloadable.add(kernel.key)  # the next one loads nothing ahead; tasks then tell why

    def _explain(self, end: TaskEnd) -> TaskEnd:
        """Tell a kill for want of memory from any other SIGKILL: the system counts its own."""
        if end.signal != 9:
            return end
        kills, self._oom_kills = self._oom_kills, _oom_kills()
        if self._oom_kills > kills:
            return TaskEnd(signal=9, out_of_memory=True, message="the machine ran out of memory")
        return end


class _WarmKernel(asyncio.Protocol):
    """The agent's end of a warm kernel's channel; see :mod:`remotebatch_kernel.fork_server.server`."""

    def __init__(
        self, key: KernelKey, lock_descriptor: int, scratch: str, on_end: Callable[[_WarmKernel], None]
    ) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [key.python, key.archive, "serve", str(descriptor), scratch, key.function, *key.preload],
                stdin=subprocess.DEVNULL,
                # bound at start, the symbols of shared libraries need not be bound anew in every copy
                env={"LD_BIND_NOW": "1", **dict(key.environment)},
                cwd="/",
                # it holds the agent's lock too: a new agent waits until its tasks are gone
                pass_fds=(descriptor, lock_descriptor),
                start_new_session=True,
            )
        self.key = key
        self.pid = self._process.pid
        self.ready = False
        self.gone = False
        self.finished = asyncio.Event()
        self._on_end = on_end
        self._tasks: dict[int, Callable[[TaskEnd], None]] = {}
        self._began: dict[int, Callable[[], None]] = {}  # to be told when the kernel is ready
        self._recalls: dict[int, Callable[[], None]] = {}
        self._setup_failures: dict[int, str] = {}
        self._held: list[tuple[int, bytes]] = []  # by key: what the kernel gets once it is ready
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        loop = asyncio.get_running_loop()
        self._start_limit = loop.call_later(_START_LIMIT, self._process.kill)
        self._connecting = loop.create_task(loop.create_connection(lambda: self, sock=ours))

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    def start(
        self,
        spec: TaskSpec,
        began: Callable[[], None],
        ended: Callable[[TaskEnd], None],
        after: int | None,
    ) -> None:
        self._tasks[spec.key] = ended
        if after is None:
            if self.ready:
                began()
            else:
                self._began[spec.key] = began
        task = frames.Task(
            key=spec.key,
            directory=spec.directory,
            log_directory=spec.log_directory,
            environment=spec.environment,
            memory_limit=spec.memory_limit,
            files=spec.files,
            argv=spec.argv,
            call=None if spec.call is None else tuple(spec.call),
        )
        kind, number = (frames.START, 0) if after is None else (frames.FOLLOW, after)
        self._send(kind, spec.key, number, pickle.dumps(tuple(task), _PICKLE_PROTOCOL))

    def recall(self, key: int, after: int, recalled: Callable[[], None]) -> None:
        self._recalls[key] = recalled
        self._send(frames.RECALL, key, after)

    def signal(self, key: int, number: int) -> None:
        if self.ready:
            self._send(frames.SIGNAL, key, number)
        elif any(key == held for held, _ in self._held):  # it has not begun, and never will
            self._held = [(held, frame) for held, frame in self._held if held != key]
            self._began.pop(key, None)
            self._recalls.pop(key, None)
            asyncio.get_running_loop().call_soon(self._tasks.pop(key), TaskEnd(signal=number))
            if not self._tasks:
                self._process.kill()  # it may be stuck in loading, and would keep others waiting

    def close(self) -> None:
        if self._transport is None or not self.ready:
            self._process.kill()
        else:
            self._transport.close()

    def _send(self, kind: bytes, key: int, number: int = 0, text: bytes = b"") -> None:
        data = frames.pack(kind, key, number, text)
        if self._transport is None or not self.ready:
            self._held.append((key, data))
        elif not self.gone:
            self._transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        whole, self._received = frames.split(self._received + data)
        for frame in whole:
            self._handle(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self._ending = asyncio.ensure_future(self._end())

    async def _end(self) -> None:
        self._start_limit.cancel()
        await asyncio.to_thread(self._process.wait)
        self._on_end(self)
        end = TaskEnd(lost=True, message=f"its warm kernel ended with code {self._process.returncode}")
        tasks, self._tasks = list(self._tasks.values()), {}
        self.finished.set()
        for ended in tasks:
            ended(end)

    def _handle(self, kind: bytes, key: int, number: int, text: bytes) -> None:
        if kind == frames.READY:
            self.ready = True
            self._start_limit.cancel()
            if self._transport is not None:
                self._transport.writelines([frame for _, frame in self._held])
            for began in self._began.values():
                began()
            self._held.clear()
            self._began.clear()
        elif kind == frames.SETUP_FAILED:
            self._setup_failures[key] = text.decode()
        elif kind == frames.RECALLED:
            del self._tasks[key]
            self._recalls.pop(key)()
        elif kind == frames.ENDED:
            self._recalls.pop(key, None)  # it came too late
            failure = self._setup_failures.pop(key, None)
            if failure is not None:
                end = TaskEnd(exit_code=number, failure="SetupFailed", message=failure)
            elif number < 0:
                end = TaskEnd(signal=-number)
            else:
                end = TaskEnd(exit_code=number)
            self._tasks.pop(key)(end)


def _oom_kills() -> int:
    """How often the system has killed a process for want of memory since it started."""
    with open("/proc/vmstat", "rb") as file:
        for line in file:
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    return 0
