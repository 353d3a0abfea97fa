"""A user's machine: an empty home, with or without a real keyring, and no credentials in its variables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

from tests.support.batch import wait_for

LIMIT = 30
"""Seconds after which a program of the user hangs."""

FIND = """
from remotebatch_azurebatch.accounts.credentials import find_connection
from remotebatch_azurebatch.settings import AzureBatchProperties
properties = AzureBatchProperties(pool_id="p", service_object={service_object!r})
connection = find_connection(properties)
print(connection)
print(connection.origin, connection.batch.name, connection.batch.endpoint, connection.storage.url)
"""

LOCK = "import secretstorage as s; s.get_default_collection(s.dbus_init()).lock()"


@dataclass
class Ended:
    """How a program has ended."""

    code: int
    output: str
    errors: str


@dataclass
class Machine:
    """Where a user's programs run."""

    home: Path
    secrets: list[str] = field(default_factory=list)
    """What no program may ever write."""
    variables: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "DBUS_"))}
        own = {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "TERM": "xterm",
            "COLUMNS": "250",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        return kept | own | self.variables

    def set(self, variables: dict[str, str]) -> None:
        """Set variables."""
        self.variables |= variables

    def unset(self, *names: str) -> None:
        """Take variables away again."""
        for name in names:
            del self.variables[name]

    def run(self, program: list[str], stdin: str = "") -> Ended:
        """Run a program without a terminal."""
        done = subprocess.run(
            program, env=self.environment, input=stdin, capture_output=True, text=True, timeout=LIMIT
        )
        self.check(done.stdout + done.stderr)
        return Ended(done.returncode, done.stdout, done.stderr)

    def remotebatch(self, *arguments: str, stdin: str = "") -> Ended:
        """Run the command line without a terminal."""
        return self.run([self.python, "-m", "remotebatch.cli", *arguments], stdin)

    def find(self, service_object: str | None = None) -> Ended:
        """Find the credentials in a new process, as an environment does."""
        return self.run([self.python, "-c", FIND.format(service_object=service_object)])

    @contextmanager
    def terminal(self, *arguments: str) -> Iterator[Terminal]:
        """Run Python in a terminal of its own."""
        child: pexpect.spawn[str] = pexpect.spawn(
            self.python,
            list(arguments),
            env=self.environment,
            encoding="utf-8",
            timeout=LIMIT,
            dimensions=(50, 200),
        )
        child.delaybeforesend = None
        terminal = Terminal(child)
        try:
            yield terminal
        finally:
            child.close(force=True)
        self.check(terminal.shown)

    def check(self, written: str) -> None:
        """Nothing secret may be in it."""
        for secret in self.secrets:
            assert secret not in written


class Terminal:
    """Somebody at a program's terminal."""

    def __init__(self, child: pexpect.spawn[str]) -> None:
        self._child = child
        self.shown = ""

    def answer(self, question: str, text: str = "") -> None:
        """Wait for a question, type an answer and press Enter."""
        self.expect(question)
        self._child.send(f"{text}\r")

    def expect(self, text: str) -> None:
        """Wait until something is shown."""
        self._child.expect_exact(text)
        self.shown += self._child.before + self._child.after

    def type(self, text: str) -> None:
        """Type without waiting."""
        self._child.send(text)

    def end(self) -> int:
        """Wait for the program's end; return its exit code, as a shell gives it."""
        self._child.expect(pexpect.EOF)
        self.shown += self._child.before
        self._child.wait()
        ended: int = self._child.exitstatus
        return 128 + self._child.signalstatus if self._child.signalstatus else ended


@contextmanager
def keyring_of(machine: Machine) -> Iterator[None]:
    """A session bus with GNOME's keyring, unlocked."""
    (machine.home / "run").mkdir(mode=0o700)
    bus = ["dbus-daemon", "--session", "--nofork", "--print-address=1"]
    with _running(bus, machine, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        machine.set({"DBUS_SESSION_BUS_ADDRESS": daemon.stdout.readline().decode().strip()})
        keyring = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
        with _running(keyring, machine, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as secrets:
            assert secrets.stdin is not None
            secrets.stdin.write(b"password of the keyring")
            secrets.stdin.close()
            wait_for(lambda: _is_served(machine.variables["DBUS_SESSION_BUS_ADDRESS"]))
            yield


@contextmanager
def _running(program: list[str], machine: Machine, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        program, env=machine.environment, stderr=subprocess.DEVNULL, cwd=machine.home, **streams
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def _is_served(address: str) -> bool:
    with open_dbus_connection(address) as connection:
        reply = connection.send_and_get_reply(message_bus.NameHasOwner("org.freedesktop.secrets"))
        return bool(reply.body[0])
