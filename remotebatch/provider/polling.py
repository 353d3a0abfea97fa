"""The poll loop of a provider that asks a service for each job by itself, each when it is due.

A provider that has one query for all of its jobs, or that is informed of changes, needs no such loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from remotebatch.provider.records import Changes
from remotebatch.provider.wake import Wake


class WatchedJob(Protocol):
    """What the loop asks of one job. It may be used from several threads at once."""

    @property
    def due(self) -> float:
        """When to query the service next, by the monotonic clock, in seconds."""

    def poll_now(self) -> None:
        """Query the service, and set the next due time.

        :raises JobNotFound: if the job is gone.
        """

    def changes(self, cursor: str) -> Changes | None:
        """What has changed since a cursor, as far as queries have shown it; None if nothing has."""


class PollLoop:
    """Implements :meth:`~remotebatch.provider.Provider.poll`: polls what is due, and sleeps in between.

    :param watched: returns the watched job of an id. It is called in each round, so that a job that the
        provider has dropped meanwhile is replaced.
    """

    def __init__(self, watched: Callable[[str], WatchedJob]) -> None:
        self._watched = watched

    def poll(
        self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
    ) -> dict[str, Changes]:
        """Report what has changed in some jobs; wait for a change, at most ``timeout`` seconds.

        Without a timeout every job is polled, whether it is due or not.

        :param cursors: job id → cursor of the last change that is known.
        :param wake: ends the wait early.
        :returns: only the jobs that changed.
        :raises ProviderError: whatever polling one of the jobs raises.
        """
        deadline = time.monotonic() + timeout
        while True:
            jobs = {job_id: self._watched(job_id) for job_id in cursors}
            for job in jobs.values():
                if timeout <= 0 or job.due <= time.monotonic():
                    job.poll_now()
            found = {job_id: job.changes(cursors[job_id]) for job_id, job in jobs.items()}
            changed = {job_id: changes for job_id, changes in found.items() if changes is not None}
            due = min((job.due for job in jobs.values()), default=deadline)
            pause = min(due, deadline) - time.monotonic()
            if changed or time.monotonic() >= deadline or (pause > 0 and _sleep(pause, wake)):
                return changed


def _sleep(pause: float, wake: Wake | None) -> bool:
    """Sleep for so many seconds; return whether the sleep was ended early."""
    if wake is not None:
        return wake.wait(pause)
    time.sleep(pause)
    return False
