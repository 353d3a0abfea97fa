"""Ends a wait early, from another thread."""

from __future__ import annotations

import os
import select


class Wake:
    """Ends a provider's wait early, from another thread; it can be waited for with ``select``."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._read

    def set(self) -> None:
        """End the wait that is under way, or the next one."""
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
        """Give the descriptors back."""
        os.close(self._read)
        os.close(self._write)
