"""The agent's end of a fork server: starts it, hands it tasks, and receives their ends."""

from __future__ import annotations

import asyncio
import pickle
import socket
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from remotebatch_execution.runners.base import TaskEnd, TaskSpec
from remotebatch_kernel.fork_server import frames

_START_LIMIT = 120.0
"""Seconds in which a fork server must have loaded what it is to load."""
_PICKLE_PROTOCOL = 4  # the kernel's Python may be older than ours


class ForkServerKey(NamedTuple):
    """What tasks must agree on to share a fork server."""

    archive: str
    python: str
    environment: tuple[tuple[str, str], ...]
    preload: tuple[str, ...]
    function: str
    code: str


class ForkServer(asyncio.Protocol):
    """One fork server; see :mod:`remotebatch_kernel.fork_server.server`.

    :param lock_descriptor: open file that its processes hold open too.
    :param scratch: directory for a few files of its own.
    :param on_end: called when its process has ended, before the ends of its tasks are reported.
    :raises OSError: if its interpreter does not start.
    """

    def __init__(
        self, key: ForkServerKey, lock_descriptor: int, scratch: str, on_end: Callable[[ForkServer], None]
    ) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(
                [
                    key.python,
                    key.archive,
                    "serve",
                    str(descriptor),
                    scratch,
                    key.function,
                    key.code,
                    *key.preload,
                ],
                stdin=subprocess.DEVNULL,
                # bound at start, the symbols of shared libraries need not be bound again in every worker
                env={"LD_BIND_NOW": "1", **dict(key.environment)},
                cwd="/",
                # it holds the agent's lock too: a new agent waits until its tasks have ended
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
        self._began: dict[int, Callable[[], None]] = {}  # called when it is ready
        self._revocations: dict[int, Callable[[], None]] = {}
        self._setup_failures: dict[int, str] = {}
        self._held: list[tuple[int, bytes]] = []  # by key: frames to be sent once it is ready
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        loop = asyncio.get_running_loop()
        self._start_limit = loop.call_later(_START_LIMIT, self._process.kill)
        self._connecting = loop.create_task(loop.create_connection(lambda: self, sock=ours))

    @property
    def busy(self) -> bool:
        """Whether it has tasks."""
        return bool(self._tasks)

    def start(
        self,
        spec: TaskSpec,
        began: Callable[[], None],
        ended: Callable[[TaskEnd], None],
        after: int | None,
    ) -> None:
        """Start a task, or have it start after another of this fork server."""
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
            call=None if spec.call is None else tuple(spec.call.without_defaults().values()),
        )
        kind, number = (frames.START, 0) if after is None else (frames.PREFETCH, after)
        self._send(kind, spec.key, number, pickle.dumps(tuple(task), _PICKLE_PROTOCOL))

    def revoke(self, key: int, after: int, revoked: Callable[[], None]) -> None:
        """Revoke a prefetched task."""
        self._revocations[key] = revoked
        self._send(frames.REVOKE, key, after)

    def signal(self, key: int, number: int) -> None:
        """Signal a task."""
        if self.ready:
            self._send(frames.SIGNAL, key, number)
        elif any(key == held for held, _ in self._held):  # it has not begun, and never will
            self._held = [(held, frame) for held, frame in self._held if held != key]
            self._began.pop(key, None)
            self._revocations.pop(key, None)
            asyncio.get_running_loop().call_soon(self._tasks.pop(key), TaskEnd(signal=number))
            if not self._tasks:
                self.gone = True  # a task that is handed to it now would be lost with it
                self._process.kill()  # it may be stuck in loading, and would keep others waiting

    def close(self) -> None:
        """Have it end with all its tasks; :attr:`finished` is set when it has."""
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
        """Part of :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of :class:`asyncio.Protocol`."""
        whole, self._received = frames.split(self._received + data)
        for frame in whole:
            self._handle(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        """Part of :class:`asyncio.Protocol`."""
        self.gone = True
        self._ending = asyncio.ensure_future(self._end())

    async def _end(self) -> None:
        self._start_limit.cancel()
        await asyncio.to_thread(self._process.wait)
        self._on_end(self)
        end = TaskEnd(lost=True, message=f"its fork server ended with code {self._process.returncode}")
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
        elif kind == frames.REVOKED:
            del self._tasks[key]
            self._revocations.pop(key)()
        elif kind == frames.ENDED:
            self._revocations.pop(key, None)  # the revocation came too late
            failure = self._setup_failures.pop(key, None)
            if failure is not None:
                end = TaskEnd(exit_code=number, failure="SetupFailed", message=failure)
            elif number < 0:
                end = TaskEnd(signal=-number)
            else:
                end = TaskEnd(exit_code=number)
            self._tasks.pop(key)(end)
