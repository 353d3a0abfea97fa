"""Ends a wait early, from another thread."""

from __future__ import annotations

import os
import select
import threading
import weakref


class Wake:
    """Ends a provider's wait early, from another thread; it can be waited for with ``select``.

    Its pipe is closed with it, or when nothing refers to it any more.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()  # no write to a descriptor that has just been closed
        self._close = weakref.finalize(self, _close, self._read, self._write)
        self._close.atexit = False  # a thread may wait on it to the very end of the process

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._read

    def set(self) -> None:
        """End the wait that is in progress, or the next one; harmless once it is closed."""
        with self._lock:
            if not self._close.alive:
                return
            try:
                os.write(self._write, b"\0")
            except BlockingIOError:
                pass  # full of wakes already

    def clear(self) -> None:
        """Forget all wakes so far."""
        try:
            os.read(self._read, 65536)
        except BlockingIOError:
            pass

    def wait(self, timeout: float) -> bool:
        """Sleep, at most ``timeout`` seconds; return whether it was ended early."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def close(self) -> None:
        """Close the pipe; repeating it is harmless."""
        with self._lock:
            self._close()


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
