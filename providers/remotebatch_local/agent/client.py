"""The client's side of the agent: connect to it, starting it if need be."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from remotebatch.errors import ProviderUnavailable
from remotebatch.provider import Wake
from remotebatch_local.agent import wire
from remotebatch_local.store import Store

_START_TIMEOUT = 30.0
_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TMPDIR", "TZ", "TERM")
_INHERITED_PREFIXES = ("LC_", "XDG_", "LD_LIBRARY_PATH", "CUDA_", "NVIDIA_", "SSL_CERT_")
_AGENTS_OWN_PREFIXES = ("PYTHON", "DOCKER_")


def inherited_environment() -> dict[str, str]:
    """The part of the submitter's environment that tasks get: enough to find programs, no likely secrets."""
    return _environment(_INHERITED_PREFIXES)


def _environment(prefixes: tuple[str, ...]) -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(prefixes)
    }


class AgentClient:
    """Calls one agent, from any thread; a lost agent is started again and asked again."""

    def __init__(self, store: Store, slots: int | None, gpus: int | None) -> None:
        self._store = store
        self._slots, self._gpus = slots, gpus
        self._calls = _Channel(self)
        self._polls = _Channel(self)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Send a request and wait for the answer, which comes at once."""
        return self._calls.ask([operation, arguments])

    def call_apart(self, operation: str, **arguments: Any) -> Any:
        """As :meth:`call`, on a connection of its own: for what may take long."""
        with self.open() as connection:
            return _ask(connection, operation, **arguments)

    def poll(self, wake: Wake | None, **arguments: Any) -> Any:
        """A long poll, on a connection of its own; ``wake`` ends it early."""
        return self._polls.ask(["poll", arguments], wake)

    def call_if_running(self, operation: str, **arguments: Any) -> Any:
        """As :meth:`call`, but None if no agent is running."""
        try:
            connection = _connect(self._store.socket)
        except OSError:
            return None
        with connection:
            return _ask(connection, operation, **arguments)

    def stop(self, force: bool = False) -> bool:
        """End the agent and wait until it and all that it ran have ended; return whether there was one.

        :param force: also while jobs are in progress; the next agent requeues them.
        """
        try:
            connection = _connect(self._store.socket)
        except OSError:
            return False
        with connection:
            _ask(connection, "stop", force=force)
        with open(self._store.lock, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
        return True

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()
        self._polls.close()

    def open(self) -> socket.socket:
        """A new connection to the agent, which is started if it is not running."""
        self._store.prepare()
        try:
            connection = _connect(self._store.socket)
        except OSError:
            connection = self._start()
        try:
            if _ask(connection, "version") != wire.protocol():
                connection = self._replace(connection)
            _ask(connection, "size", slots=self._slots, gpus=self._gpus)
        except BaseException:
            connection.close()
            raise
        return connection

    def _replace(self, connection: socket.socket) -> socket.socket:
        """Have an agent of another version of remotebatch end, unless it is busy, and start ours."""
        with connection:
            _ask(connection, "stop", force=False)
        return self._start()

    def _start(self) -> socket.socket:
        command = [sys.executable, "-m", "remotebatch_local.agent", self._store.root]
        for option, value in (("--slots", self._slots), ("--gpus", self._gpus)):
            if value is not None:
                command += [option, str(value)]
        with open(self._store.agent_log, "ab") as log:
            agent = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(_INHERITED_PREFIXES + _AGENTS_OWN_PREFIXES),
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            try:
                connection = _connect(self._store.socket)
            except OSError:
                if agent.poll():  # one that ends with 0 found another agent in place
                    break
                time.sleep(0.005)
            else:
                _reap_later(agent)
                return connection
        raise ProviderUnavailable(
            f"the agent for {self._store.root!r} did not start: {_last_line(self._store.agent_log)} "
            f"(more in {self._store.agent_log})"
        )


class _Channel:
    """One connection, one request at a time."""

    def __init__(self, client: AgentClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._process = os.getpid()

    def ask(self, request: Any, wake: Wake | None = None) -> Any:
        if self._process != os.getpid():  # forked: the connection, and perhaps the lock, are the parent's
            self._lock, self._connection, self._process = threading.Lock(), None, os.getpid()
        with self._lock:
            for last_try in (False, True):
                try:
                    if self._connection is None:
                        self._connection = self._client.open()
                    wire.send(self._connection, request)
                    if wake is not None and self._woken(self._connection, wake):
                        wire.send(self._connection, ["cancel", {}])
                    answer = wire.receive(self._connection)
                except OSError as error:
                    self._drop()
                    if last_try:
                        raise ProviderUnavailable(f"the local agent went away: {error}") from error
                except BaseException:
                    self._drop()  # interrupted half-way: what comes next would be another's answer
                    raise
                else:
                    return _value(answer)
        raise AssertionError("unreachable")

    def close(self) -> None:
        with self._lock:
            self._drop()

    def __del__(self) -> None:
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @staticmethod
    def _woken(connection: socket.socket, wake: Wake) -> bool:
        poll = select.poll()
        for descriptor in (connection.fileno(), wake.fileno()):
            poll.register(descriptor, select.POLLIN)
        return connection.fileno() not in [descriptor for descriptor, _ in poll.poll()]


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _ask(connection: socket.socket, operation: str, **arguments: Any) -> Any:
    wire.send(connection, [operation, arguments])
    return _value(wire.receive(connection))


def _value(answer: Any) -> Any:
    good, value = answer
    if not good:
        raise wire.rebuild_error(value)
    return value


def _reap_later(agent: subprocess.Popen[bytes]) -> None:
    # waits for the agent's end so that it leaves no zombie in a long-lived client
    threading.Thread(target=agent.wait, name="remotebatch-agent-reaper", daemon=True).start()


def _last_line(path: str) -> str:
    with open(path, "rb") as file:
        lines = file.read()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing to its log"
