"""How tasks tell their end the moment they are done, before the system has torn their processes down."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

_CONTENT = struct.Struct("<QiI")  # far below what a pipe takes or refuses as one
_WRITE = os.O_WRONLY | os.O_NONBLOCK
_AT_ONCE = 256 * _CONTENT.size


class Farewells:
    """A named pipe that tasks know by its path alone: they hold no descriptor of it.

    :raises OSError: if it cannot be made.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        os.mkfifo(path, 0o600)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # a writer too: it never comes to an end

    def fileno(self) -> int:
        """Readable when somebody has spoken."""
        return self._descriptor

    def send(self, key: int, code: int) -> None:
        """As the last thing that a task does: tell that it ends with this exit code."""
        try:
            descriptor = os.open(self._path, _WRITE)
            os.write(descriptor, _CONTENT.pack(key, code, os.getpid()))
        except OSError:  # no descriptor left, or too many speak at once: the process's end tells as well
            return
        os.close(descriptor)

    def receive(self) -> Iterator[tuple[int, int, int]]:
        """Key, exit code and process id of each task that has spoken."""
        try:
            said = os.read(self._descriptor, _AT_ONCE)
        except BlockingIOError:
            return
        yield from _CONTENT.iter_unpack(said)
