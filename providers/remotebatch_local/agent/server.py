"""The agent: one background process for each root, started by the first client that needs it.

It ends itself when it has been idle for a while.

``python -m remotebatch_local.agent ROOT [--slots N] [--gpus N]``
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import glob
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from remotebatch.errors import ProviderError, RemoteBatchError
from remotebatch.provider import record_from_plain
from remotebatch_execution.runners import containers
from remotebatch_execution.runners.containers import ContainerRunner
from remotebatch_execution.runners.processes import ProcessRunner, kill_leftovers
from remotebatch_execution.scheduler import Demand
from remotebatch_kernel.system import linux
from remotebatch_local.agent import wire
from remotebatch_local.engine.engine import Engine
from remotebatch_local.engine.journal import Journal
from remotebatch_local.engine.watchers import COALESCE
from remotebatch_local.settings import LocalSettings
from remotebatch_local.store import Store

_log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
_LOCK_TIMEOUT = 20.0


class Agent:
    """Serves clients over a Unix socket that only its user can open."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._last_request = time.monotonic()
        self._started = time.time()
        self._stop = asyncio.Event()
        self._operations: dict[str, Callable[..., Any]] = {
            "version": wire.protocol,
            "size": engine.resize,
            "submit": self._submit,
            "jobs": lambda: [engine.jobs(), engine.unreadable],
            "job": lambda job: engine.job(job).record,
            "counts": lambda job: engine.counts(job),
            "abort": lambda job, indices, reason: engine.abort(job, indices, reason),
            "retry": lambda job, indices: engine.retry(job, indices),
            "delete": lambda job: engine.delete(job),
            "status": self._status,
            "stop": self._stop_if_idle,
        }

    async def run(self) -> None:
        """Serve until idle for long, or asked to stop."""
        self._withdraw()  # a socket of an agent that was killed: the lock says that none is left
        old_mask = os.umask(0o177)
        try:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(self._store.socket)
        finally:
            os.umask(old_mask)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        server = await asyncio.start_unix_server(self._serve, sock=listener)
        idle = asyncio.ensure_future(self._stop_when_idle())
        await self._stop.wait()
        idle.cancel()
        self._withdraw()
        server.close()
        await self._engine.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = asyncio.ensure_future(wire.receive_async(reader))
        try:
            while (message := await request) is not None:
                request = asyncio.ensure_future(wire.receive_async(reader))
                operation, arguments = message
                if operation == "cancel":
                    continue  # of a poll that had been answered by the time it came
                writer.write(wire.encode(await self._answer(operation, arguments, request)))
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or this agent ends
        finally:
            request.cancel()
            writer.close()

    async def _answer(self, operation: str, arguments: dict[str, Any], next_request: Awaitable[Any]) -> Any:
        self._last_request = time.monotonic()
        try:
            if operation == "poll":
                return [True, await self._poll(next_request=next_request, **arguments)]
            handler = self._operations.get(operation)
            if handler is None:
                raise ProviderError(f"the agent knows no operation {operation!r}")
            value = handler(**arguments)
            return [True, await value if asyncio.iscoroutine(value) else value]
        except RemoteBatchError as error:
            return [False, wire.describe_error(error)]
        except Exception as error:  # a fault of ours must not end the agent: it runs others' jobs
            _log.exception("operation %s failed", operation)
            return [
                False,
                wire.describe_error(
                    ProviderError(
                        f"the agent failed at {operation!r}: {error!r}; see {self._store.agent_log}"
                    )
                ),
            ]

    # -- operations -------------------------------------------------------------------------

    async def _poll(self, cursors: dict[str, str], timeout: float, next_request: Awaitable[Any]) -> Any:
        changes = self._engine.changes(cursors)
        if timeout <= 0 or any(self._engine.job(job_id).finished for job_id in changes):
            return changes
        if changes:  # nothing that ends a job: more of it may be gathered, as for changes yet to come
            timeout = min(timeout, COALESCE)
        with self._engine.watchers.watching(cursors) as changed:
            change = asyncio.ensure_future(changed.wait())
            await asyncio.wait([change, next_request], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
        return self._engine.changes(cursors)

    def _submit(self, record: dict[str, Any]) -> None:
        self._engine.submit(record_from_plain(record, LocalSettings))

    def _status(self) -> dict[str, Any]:
        capacity, free = self._engine.capacity, self._engine.free
        return {
            "root": self._store.root,
            "version": wire.version(),
            "pid": os.getpid(),
            "started_at": self._started,
            "slots": capacity.slots,
            "free_slots": free.slots,
            "gpus": capacity.gpus,
            "free_gpus": free.gpus,
            "jobs": len(self._engine.jobs()),
            "busy": self._engine.busy,
        }

    def _stop_if_idle(self, force: bool) -> None:
        if self._engine.busy and not force:
            raise ProviderError(
                "jobs are in progress; wait for them, or force it: "
                "the next agent starts their running tasks again"
            )
        self._withdraw()  # before the answer: the client may start another agent then
        self._stop.set()

    def _withdraw(self) -> None:
        """Take no more connections."""
        if os.path.exists(self._store.socket):
            os.unlink(self._store.socket)

    async def _stop_when_idle(self) -> None:
        while True:
            await asyncio.sleep(min(IDLE_SECONDS / 10, 10))
            if self._engine.busy:
                self._last_request = time.monotonic()
            elif time.monotonic() - self._last_request > IDLE_SECONDS:
                _log.info("idle for %g s", IDLE_SECONDS)
                self._stop.set()


def _acquire_lock(store: Store) -> int | None:
    """Become the root's only agent; None if there is one that answers.

    The lock is held by an agent and by its fork servers: while a killed agent's kernels are still
    ending their tasks, this waits for them.
    """
    descriptor = os.open(store.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with socket.socket(socket.AF_UNIX) as other:
                if other.connect_ex(store.socket) == 0:
                    return None
            if time.monotonic() > deadline:
                sys.exit(f"another agent holds {store.lock} but does not answer")
            time.sleep(0.01)
        else:
            return descriptor


def _remove_leftover_containers(store: Store, containers_were_used: bool) -> None:
    if containers_were_used:
        try:
            containers.remove_leftovers(store.root)
        except ProviderError as error:
            _log.warning("containers of an earlier agent may be left: %s", error)


async def _serve(store: Store, lock: int, capacity: Demand) -> None:
    linux.become_subreaper()
    kill_leftovers(store.root)
    journal = Journal(store.journal)
    entries = list(journal.jobs())
    used_containers = any(entry.record.settings.container_image for entry in entries if not entry.finished)
    _remove_leftover_containers(store, used_containers)
    engine = Engine(store, journal, capacity, ProcessRunner(lock, store.scratch), ContainerRunner(store.root))
    engine.recover(entries)
    await Agent(store, engine).run()


def main(arguments: list[str] | None = None) -> None:
    """Run an agent in this process."""
    parser = argparse.ArgumentParser(prog="remotebatch_local.agent")
    parser.add_argument("root")
    parser.add_argument("--slots", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--gpus", type=int, default=len(glob.glob("/dev/nvidia[0-9]*")))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    store = Store(options.root)
    store.prepare()
    lock = _acquire_lock(store)
    if lock is not None:
        asyncio.run(_serve(store, lock, Demand(options.slots, options.gpus)))
