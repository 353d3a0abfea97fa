"""What an environment holds of its provider: the provider, a tracker for each job, and the monitor."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import ref

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord, Provider
from remotebatch.tracking.monitor import Monitor
from remotebatch.tracking.tracker import Tracker


class Client:
    """One provider, and what this process knows of its jobs. Safe to use from any thread.

    :param provider: is closed with the client.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._trackers: dict[str, ref[Tracker]] = {}
        self._dropped: deque[str] = deque()  # ids of jobs whose trackers have gone
        self._monitor: Monitor | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def provider_name(self) -> str:
        """Name of the provider."""
        return self._provider.name

    @property
    def provider_properties(self) -> dict[str, Any]:
        """The provider's properties, without secrets."""
        return dict(self._provider.properties)

    @property
    def provider(self) -> Provider:
        """The provider.

        :raises ProviderError: if the client is closed.
        """
        if self._closed:
            raise _closed(self._provider)
        return self._provider

    def tracker(self, record: JobRecord) -> Tracker:
        """The one tracker of a job: all job objects that stand for it share what any of them learns."""
        provider = self.provider
        with self._lock:
            unused = self._take_dropped()
            known = self._trackers.get(record.id)
            tracker = known() if known is not None else None
            if tracker is None:
                tracker = Tracker(record, self)
                self._trackers[record.id] = ref(tracker, partial(_note, self._dropped, record.id))
        if unused:
            provider.forget(unused)
        return tracker

    @contextmanager
    def watching(self, tracker: Tracker) -> Iterator[None]:
        """Keep a tracker fresh meanwhile."""
        with self._lock:
            monitor = self._running_monitor()
        with monitor.watching(tracker):
            yield

    def poll_soon(self) -> None:
        """Begin the next query at once, if one is waited for."""
        with self._lock:
            if self._monitor is not None and self._monitor.process == os.getpid():
                self._monitor.poll_soon()

    def close(self) -> None:
        """End watching and close the provider's connections; jobs go on. Repeating it is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            monitor, self._monitor = self._monitor, None
            trackers = [tracker for known in self._trackers.values() if (tracker := known()) is not None]
        error = _closed(self._provider)
        for tracker in trackers:
            if not tracker.finished:
                tracker.fail(error)
        if monitor is not None and monitor.process == os.getpid():
            monitor.close(error)
        self._provider.close()

    def _running_monitor(self) -> Monitor:
        if self._closed:
            raise _closed(self._provider)
        if self._monitor is not None and self._monitor.process != os.getpid():  # a fork has no threads
            self._monitor.discard()
            self._monitor = None
        if self._monitor is None:
            self._monitor = Monitor(self._provider)
        return self._monitor

    def _take_dropped(self) -> set[str]:
        """Ids of the jobs that no tracker stands for any more."""
        unused = set()
        while self._dropped:
            job_id = self._dropped.popleft()
            known = self._trackers.get(job_id)
            if known is not None and known() is None:
                del self._trackers[job_id]
                unused.add(job_id)
        return unused


def _note(dropped: deque[str], job_id: str, reference: object) -> None:
    """A tracker is gone: it is noted without a lock, for this may run at any moment."""
    dropped.append(job_id)


def _closed(provider: Provider) -> ProviderError:
    return ProviderError(
        f"the environment at {provider.name} is closed; its jobs go on: attach to one with "
        f"SubmissionEnvironment({provider.name!r}, …).job(id)"
    )
