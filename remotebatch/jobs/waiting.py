"""Waiting for several jobs, of any kinds and at any providers; the names are those of concurrent.futures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from remotebatch.errors import InvalidSetting
from remotebatch.jobs.base import Job
from remotebatch.tracking.waiting import wait_until

if TYPE_CHECKING:
    from typing_extensions import Self

AnyJob = TypeVar("AnyJob", bound=Job[Any])


class DoneAndNotDone(tuple[set[AnyJob], set[AnyJob]], Generic[AnyJob]):
    """What :func:`wait` returns: a pair of sets, which have names as well."""

    __slots__ = ()

    def __new__(cls, done: set[AnyJob], not_done: set[AnyJob]) -> Self:
        """The pair of both sets."""
        return super().__new__(cls, (done, not_done))

    @property
    def done(self) -> set[AnyJob]:
        """Jobs that have ended."""
        return self[0]

    @property
    def not_done(self) -> set[AnyJob]:
        """Jobs that have not."""
        return self[1]

    def __repr__(self) -> str:
        return f"DoneAndNotDone(done={self.done!r}, not_done={self.not_done!r})"


def wait(
    jobs: Iterable[AnyJob], timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> DoneAndNotDone[AnyJob]:
    """Wait for jobs to end, well or badly.

    :param timeout: the longest to wait, in seconds.
    :param return_when: ``ALL_COMPLETED``, ``FIRST_COMPLETED`` or ``FIRST_EXCEPTION`` (a job failed).
    :returns: the jobs that have ended and those that have not; running out of time raises nothing.
    """
    known = list(jobs)
    reached = {
        ALL_COMPLETED: lambda: all(job._known_done() for job in known),
        FIRST_COMPLETED: lambda: any(job._known_done() for job in known),
        FIRST_EXCEPTION: lambda: (
            all(job._known_done() for job in known)
            or any(job._known_done() and job._any_failed() for job in known)
        ),
    }
    if return_when not in reached:
        raise InvalidSetting(f"return_when={return_when!r}: allowed are {', '.join(reached)}")
    wait_until([job._tracker for job in known], reached[return_when], timeout)
    done = {job for job in known if job._known_done()}
    return DoneAndNotDone(done, set(known) - done)


def as_completed(jobs: Iterable[AnyJob], timeout: float | None = None) -> Iterator[AnyJob]:
    """Yield each job as it ends, well or badly.

    :param timeout: the longest to wait for all of them, in seconds.
    :raises TimeoutError: if not all have ended in time.
    """
    pending = dict.fromkeys(jobs)
    total = len(pending)
    deadline = None if timeout is None else time.monotonic() + timeout
    while pending:
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        trackers = [job._tracker for job in pending]
        if not wait_until(trackers, lambda: any(job._known_done() for job in pending), remaining):
            raise TimeoutError(f"{len(pending)} of {total} jobs are still in progress")
        for job in [job for job in pending if job._known_done()]:
            del pending[job]
            yield job
