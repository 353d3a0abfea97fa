"""Watchers: waiting for changes of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

COALESCE = 0.02
"""Seconds for which changes that end no job are gathered before they are reported."""


class Watchers:
    """Notifies those that wait for changes of some jobs."""

    def __init__(self) -> None:
        self._of_job: dict[str, set[_Watcher]] = {}

    @contextmanager
    def watching(self, job_ids: Iterable[str]) -> Iterator[asyncio.Event]:
        """An event that is set by the next change in any of the jobs."""
        watcher, watched = _Watcher(), list(job_ids)
        for job_id in watched:
            self._of_job.setdefault(job_id, set()).add(watcher)
        try:
            yield watcher.event
        finally:
            watcher.close()
            for job_id in watched:
                self._of_job[job_id].discard(watcher)
                if not self._of_job[job_id]:
                    del self._of_job[job_id]

    def notify(self, job_id: str, urgent: bool) -> None:
        """A job has changed; an urgent change is reported at once, others are gathered for a moment."""
        for watcher in self._of_job.get(job_id, ()):
            watcher.notify(urgent)


class _Watcher:
    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def notify(self, urgent: bool) -> None:
        if urgent:
            self.event.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE, self.event.set)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
