"""Exit notices: a task reports its end before the system has torn its processes down."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

_NOTICE = struct.Struct("<QiI")  # far below PIPE_BUF, so each is written as one or not at all
_WRITE = os.O_WRONLY | os.O_NONBLOCK
_AT_ONCE = 256 * _NOTICE.size


class ExitNotices:
    """A named pipe for exit notices. Tasks open it by its path and hold no descriptor of it.

    :raises OSError: if it cannot be made.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        os.mkfifo(path, 0o600)
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # a writer too: it never comes to an end

    def fileno(self) -> int:
        """Descriptor that is readable when a notice has arrived."""
        return self._descriptor

    def send(self, key: int, code: int) -> None:
        """Report that the task of that key ends with this exit code: the last thing that a task does."""
        try:
            descriptor = os.open(self._path, _WRITE)
            os.write(descriptor, _NOTICE.pack(key, code, os.getpid()))
        except OSError:  # no descriptor left, or a full pipe: the end of the process is seen anyway
            return
        os.close(descriptor)

    def receive(self) -> Iterator[tuple[int, int, int]]:
        """Key, exit code and process id of each notice that has arrived."""
        try:
            notices = os.read(self._descriptor, _AT_ONCE)
        except BlockingIOError:
            return
        yield from _NOTICE.iter_unpack(notices)
