"""Azurite, the emulator of Azure Storage: found or installed, started, and ended with this process."""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import platformdirs

from azurebatch_emulator.process.addresses import require_free
from azurebatch_emulator.process.certificate import Certificate
from azurebatch_emulator.state.configuration import reachable, url
from remotebatch.errors import ProviderError

VERSION = "3.37.0"
"""The version that is installed where none is found."""
ACCOUNT = "devstoreaccount1"
"""Azurite's built-in storage account."""
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of that account: the same everywhere, and no secret."""

_SERVICES = ("Blob", "Queue", "Table")  # in the order of their ports
_NPM_OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error")
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 20.0
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl
_prctl.argtypes = [ctypes.c_int, ctypes.c_ulong]


class Azurite:
    """One Azurite, running within a ``with`` statement.

    It is asked to end when this process ends, however that comes about, and saves what it holds in
    memory before it does. (Killed itself, it loses the last five seconds.) Linux takes the end of the
    thread that entered the ``with`` statement for the end of the process: keep that thread.
    """

    def __init__(
        self,
        location: str,
        ports: Sequence[int],
        host: str = "127.0.0.1",
        certificate: Certificate | None = None,
        lock: int | None = None,
    ) -> None:
        """Nothing is started yet.

        :param location: directory of what is stored, and of Azurite's log.
        :param ports: of the blob, queue and table services.
        :param host: address to listen on.
        :param certificate: serve HTTPS with it, and take bearer tokens.
        :param lock: descriptor of a locked file, which is to stay locked until Azurite has ended.
        """
        self._location, self._ports, self._host = location, ports, host
        self._certificate, self._lock = certificate, lock
        self.log = os.path.join(location, "azurite.log")
        """Its log file."""

    @property
    def connection_string(self) -> str:
        """What storage clients need to reach it."""
        return connection_string(self._ports, self._host, https=self._certificate is not None)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Azurite:
        """Start it and wait until all its services answer.

        :raises ProviderError: if there is none and it cannot be installed, or it does not start.
        """
        program = azurite_program()
        require_free(self._host, self._ports, "Azurite")
        os.makedirs(self._location, mode=0o700, exist_ok=True)
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                [program, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=() if self._lock is None else (self._lock,),
                start_new_session=True,
                preexec_fn=_asking_to_end_with(os.getpid()),
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Have it write what it holds, and end."""
        self._end()

    def _arguments(self) -> list[str]:
        arguments = ["--skipApiVersionCheck", "--loose", "--disableTelemetry", "--silent"]
        arguments += ["--location", self._location]
        for service, port in zip(_SERVICES, self._ports):
            arguments += [f"--{service.lower()}Host", self._host, f"--{service.lower()}Port", str(port)]
        if self._certificate is not None:
            arguments += ["--cert", self._certificate.server, "--key", self._certificate.server_key]
            arguments += ["--oauth", "basic"]
        return arguments

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        waiting = list(zip(_SERVICES, self._ports))
        while waiting:
            if self._process.poll() is not None:
                raise ProviderError(
                    f"Azurite did not start: {last_lines(self.log)} (more in {self.log}); "
                    "its version of Node.js may be too old"
                )
            if time.monotonic() > deadline:
                raise ProviderError(f"Azurite does not answer on {waiting}; see {self.log}")
            if self._answers(*waiting[0]):
                del waiting[0]
            else:
                time.sleep(0.05)

    def _answers(self, service: str, port: int) -> bool:
        """Whether it is Azurite that answers there."""
        address = reachable(self._host)
        connection: http.client.HTTPConnection
        if self._certificate is None:
            connection = http.client.HTTPConnection(address, port, timeout=5)
        else:
            context = ssl.create_default_context(cafile=self._certificate.authority)
            connection = http.client.HTTPSConnection(address, port, timeout=5, context=context)
        try:
            connection.request("GET", "/")
            return (connection.getresponse().getheader("Server") or "").startswith(f"Azurite-{service}/")
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def connection_string(ports: Sequence[int], host: str = "127.0.0.1", https: bool = False) -> str:
    """What storage clients need to reach the Azurite that listens there."""
    settings = {
        "DefaultEndpointsProtocol": "https" if https else "http",
        "AccountName": ACCOUNT,
        "AccountKey": KEY,
    }
    for service, port in zip(_SERVICES, ports):
        settings[f"{service}Endpoint"] = f"{url(host, port, https)}/{ACCOUNT}"
    return "".join(f"{name}={value};" for name, value in settings.items())


def azurite_program() -> str:
    """Path of an Azurite: one on the PATH, or that of the user's cache, installed there if need be.

    :raises ProviderError: if there is none and npm cannot install it.
    """
    found = shutil.which("azurite")
    if found is not None:
        return found
    cache = platformdirs.user_cache_dir("remotebatch", appauthor=False)
    directory = os.path.join(cache, f"azurite-{VERSION}")
    if not os.path.exists(directory):
        os.makedirs(cache, exist_ok=True)
        with open(f"{directory}.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # others may be about to install it, too
            if not os.path.exists(directory):
                _install(directory)
    return os.path.join(directory, "node_modules", ".bin", "azurite")


def last_lines(path: str, count: int = 5, start: int = 0) -> str:
    """The end of a log on one line, for a message.

    :param start: byte offset of what is to be looked at.
    """
    with open(path, "rb") as file:
        file.seek(start)
        lines = file.read()[-8192:].decode(errors="replace").strip().splitlines()
    return " / ".join(lines[-count:]) or "it said nothing"


def _install(directory: str) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ProviderError(
            "Azurite, which holds the emulator's blobs, is not installed, and there is no npm to install it "
            "with: install Node.js with npm (Debian: apt-get install nodejs npm), or put an azurite on the "
            "PATH, or name a storage account to use instead with --storage-connection-string"
        )
    print(f"Installing azurite@{VERSION} with npm into {directory} …", file=sys.stderr)
    made = tempfile.mkdtemp(prefix="azurite-", dir=os.path.dirname(directory))
    try:
        done = subprocess.run(
            [npm, "install", "--prefix", made, *_NPM_OPTIONS, f"azurite@{VERSION}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if done.returncode != 0:
            raise ProviderError(f"npm could not install azurite@{VERSION}: {done.stdout.strip()}")
        os.rename(made, directory)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _asking_to_end_with(parent: int) -> Callable[[], None]:
    """What a child is to do before it becomes another program, so as to be asked to end with its parent."""

    def ask() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it had ended by then
            os._exit(1)

    return ask
