"""One thread that polls a provider for all the jobs that are waited for.

An array of any size, waited for by any number of threads, costs one query a tick.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from remotebatch.errors import ProviderError, ProviderUnavailable
from remotebatch.provider import Provider, Wake
from remotebatch.tracking.tracker import Tracker

_log = logging.getLogger("remotebatch")

_LONG_POLL = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_IDLE = 5.0
"""Seconds without a waiter after which the thread ends."""
_JOIN_LIMIT = 5.0
"""Seconds for which closing waits for a query that is under way."""


class Monitor:
    """Polls one provider, in a thread that ends when nothing has been waited for in a while."""

    def __init__(self, provider: Provider) -> None:
        self.process = os.getpid()
        self._provider = provider
        self._wake = Wake()
        self._lock = threading.Lock()
        self._watched: dict[Tracker, int] = {}
        self._thread: threading.Thread | None = None
        self._closed: ProviderError | None = None

    @contextmanager
    def watching(self, tracker: Tracker) -> Iterator[None]:
        """Keep a tracker fresh meanwhile.

        :raises ProviderError: if the monitor is closed.
        """
        with self._lock:
            if self._closed is not None:
                raise self._closed
            watchers = self._watched[tracker] = self._watched.get(tracker, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="remotebatch-monitor", daemon=True)
                self._thread.start()
        if watchers == 1:  # otherwise the query that is in progress is about this job too
            self._wake.set()
        try:
            yield
        finally:
            with self._lock:
                self._watched[tracker] -= 1
                if not self._watched[tracker]:
                    del self._watched[tracker]

    def poll_soon(self) -> None:
        """Begin the next query at once: there is something new to ask for."""
        self._wake.set()

    def close(self, error: ProviderError) -> None:
        """End the thread; jobs that are still waited for fail with the error."""
        with self._lock:
            self._closed = error
            thread, trackers = self._thread, list(self._watched)
        for tracker in trackers:
            tracker.fail(error)
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_JOIN_LIMIT)
        if thread is None or not thread.is_alive():
            self._wake.close()

    def discard(self) -> None:
        """Close what a forked process has of its parent's monitor, without the thread."""
        self._wake.close()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            self._wake.clear()  # before the check, so that no wake is lost
            if self._closed is not None:
                return
            trackers = self._unfinished()
            if not trackers:
                if self._wake.wait(_IDLE) or not self._retire():
                    continue
                return
            if self._poll(trackers):
                pause = _FIRST_PAUSE
            else:
                self._wake.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _unfinished(self) -> dict[str, Tracker]:
        with self._lock:
            return {
                tracker.record.id: tracker
                for tracker in self._watched
                if not tracker.finished and tracker.error is None
            }

    def _poll(self, trackers: dict[str, Tracker]) -> bool:
        """Ask for all jobs at once; return whether it is worth asking again without a pause."""
        cursors = {job_id: tracker.cursor for job_id, tracker in trackers.items()}
        try:
            news = self._provider.poll(cursors, _LONG_POLL, self._wake)
            for job_id in news.keys() & trackers.keys():
                trackers[job_id].apply(news[job_id])
        except ProviderUnavailable:
            return False  # a failed query is not a failed job
        except ProviderError:
            return self._find_the_lost(trackers)
        except Exception:  # a fault of ours or of the provider: the thread goes on, for others wait too
            _log.exception("jobs at %s could not be polled together", self._provider.name)
            return self._find_the_lost(trackers)
        return True

    def _retire(self) -> bool:
        with self._lock:
            if self._watched:
                return False
            self._thread = None
            return True

    def _find_the_lost(self, trackers: dict[str, Tracker]) -> bool:
        """Ask for each job by itself: only those fail whose own query does. Return whether any did."""
        lost = False
        for tracker in trackers.values():
            try:
                tracker.poll_now()
            except ProviderUnavailable:
                continue
            except ProviderError as error:
                tracker.fail(error)
                lost = True
            except Exception as error:  # as above
                job = tracker.record.id
                failure = ProviderError(
                    f"job {job} cannot be watched: {type(error).__name__}: {error}; the job itself goes on: "
                    f"attach to it again with job({job!r}), and report this if it comes again"
                )
                failure.__cause__ = error
                tracker.fail(failure)
                lost = True
        return lost
