"""An emulator's data directory: where its files lie, and who runs on it.

Two locks show what is going on. ``lock`` is held by what starts a service, then by the service and
by the processes that must have ended before the next may start: Azurite and the fork servers inherit
it. ``service.json`` is locked by the service alone, for as long as it can be used; after a ``kill -9``
its words may be left, but not its lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from typing import IO

import msgspec
import platformdirs

from remotebatch.errors import ProviderError

_CLAIM_TIMEOUT = 60.0
_POLL = 0.02


class Service(msgspec.Struct, frozen=True):
    """A service that runs and answers."""

    pid: int
    endpoint: str
    started_at: float


class AlreadyRunning(ProviderError):
    """A service runs on the data directory."""


class DataDirectory:
    """One data directory."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """Nothing is made yet.

        :param path: where it is; by default in the user's data directory.
        """
        default = os.path.join(platformdirs.user_data_dir("remotebatch", appauthor=False), "emulator")
        self.path = os.path.realpath(os.path.expanduser(path or default))
        self.log = os.path.join(self.path, "service.log")
        self.azurite = os.path.join(self.path, "azurite")
        self.certificate = os.path.join(self.path, "certificate")
        self._lock = os.path.join(self.path, "lock")
        self._service = os.path.join(self.path, "service.json")
        self._announcement: IO[bytes] | None = None

    def claim(self) -> int:
        """Make the directory if need be and become its only user.

        :returns: a descriptor; the claim lasts until its last copy, inherited ones too, is closed.
        :raises AlreadyRunning: if a service runs on it.
        :raises ProviderError: if what an earlier service left does not end, or the directory cannot be used.
        """
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ProviderError(f"the emulator cannot use {self.path!r}: {error}") from error
        try:
            deadline = time.monotonic() + _CLAIM_TIMEOUT
            while not _try_to_lock(descriptor, fcntl.LOCK_EX):
                service = self.running()
                if service is not None:
                    raise AlreadyRunning(f"process {service.pid} serves {self.path} at {service.endpoint}")
                if time.monotonic() > deadline:
                    raise ProviderError(
                        f"another start, or what an earlier service left, holds {self._lock} and does not end"
                    )
                time.sleep(_POLL)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    @property
    def claimed(self) -> bool:
        """Whether a service runs on it, or starts or ends."""
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try_to_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def announce(self, service: Service) -> None:
        """Tell that this process serves, until it withdraws or ends."""
        new = f"{self._service}.new"
        self._announcement = open(new, "wb")  # noqa: SIM115  open, and so locked, for as long as we serve
        fcntl.flock(self._announcement, fcntl.LOCK_EX)
        self._announcement.write(msgspec.json.encode(service))
        self._announcement.flush()
        os.rename(new, self._service)

    def withdraw(self) -> None:
        """Tell that this process no longer serves."""
        if self._announcement is not None:
            os.unlink(self._service)
            self._announcement.close()
            self._announcement = None

    @property
    def crashed(self) -> bool:
        """Whether the last service ended without having withdrawn."""
        return os.path.exists(self._service) and self.running() is None

    def forget(self) -> None:
        """Take a crash for dealt with; to be called by the directory's only user."""
        os.unlink(self._service)

    def running(self) -> Service | None:
        """The service that runs on it, if one does and answers."""
        try:
            with open(self._service, "rb") as file:
                if not _try_to_lock(file.fileno(), fcntl.LOCK_SH):
                    return msgspec.json.decode(file.read(), type=Service)
        except FileNotFoundError:
            pass
        return None


def _try_to_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
