"""What goes to and comes from storage, in threads: it can be stopped, however slow the other end is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 64
_PATIENCE = 2.0  # seconds in which a thread sees the flag; one that waits for the other end is given up


class TransferStopped(Exception):
    """A transfer was asked to end."""


def require_going_on(stop: threading.Event) -> None:
    """See whether to go on; a transfer asks before each chunk and before all that can be seen of it.

    :raises TransferStopped: if not.
    """
    if stop.is_set():
        raise TransferStopped


class Transfer:
    """One piece of work in a thread, with a flag that stops it."""

    def __init__(self, threads: ThreadPoolExecutor, work: Callable[[threading.Event], None]) -> None:
        self._flag = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[None] = self._loop.create_future()
        self._thread: concurrent.futures.Future[None] = threads.submit(work, self._flag)
        asyncio.wrap_future(self._thread).add_done_callback(self._ended)

    def stop(self) -> None:
        """Have it end soon, whatever the thread is waiting for."""
        if not self._flag.is_set():
            self._flag.set()
            self._thread.cancel()
            self._loop.call_later(_PATIENCE, self._conclude, TransferStopped())

    async def end(self) -> None:
        """Wait for its end. Cancelled, it is stopped.

        :raises TransferStopped: if it was stopped before it was done.
        """
        try:
            await asyncio.shield(self._outcome)
        except asyncio.CancelledError:
            self.stop()
            await asyncio.wait([self._outcome])
            raise

    def _ended(self, thread: asyncio.Future[None]) -> None:
        self._conclude(TransferStopped() if thread.cancelled() else thread.exception())

    def _conclude(self, error: BaseException | None) -> None:
        if self._outcome.done():
            return
        if error is None:
            self._outcome.set_result(None)
        else:
            self._outcome.set_exception(error)
            self._outcome.exception()  # mark it as retrieved: the caller may be gone


class Transfers:
    """All that are under way."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "transfer")
        self._under_way: set[Transfer] = set()

    async def carry_out(
        self, work: Callable[[threading.Event], None], begun: Callable[[Transfer], None] = lambda _: None
    ) -> None:
        """Do a piece of work in a thread.

        :param begun: is given the transfer, with which it can be stopped.
        :raises TransferStopped: if it was stopped before it was done.
        """
        transfer = Transfer(self._threads, work)
        self._under_way.add(transfer)
        try:
            begun(transfer)
            await transfer.end()
        finally:
            self._under_way.discard(transfer)

    def close(self) -> None:
        """Stop all, and wait for none."""
        for transfer in list(self._under_way):
            transfer.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
