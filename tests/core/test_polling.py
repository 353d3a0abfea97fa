"""The poll loop: jobs are polled when they are due, and a wait ends at a change, a wake or the time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from remotebatch.errors import JobNotFound
from remotebatch.provider import Changes, TaskRecord, Wake
from remotebatch.provider.polling import PollLoop
from remotebatch.status import JobStatus


class Job:
    """A watched job whose service has a change ready after some polls.

    :param changes_at: number of the poll that brings the change; None for never.
    """

    def __init__(self, interval: float, changes_at: int | None = None) -> None:
        self.due = 0.0
        self.polls = 0
        self._interval = interval
        self._changes_at = changes_at

    def poll_now(self) -> None:
        self.polls += 1
        self.due = time.monotonic() + self._interval

    def changes(self, cursor: str) -> Changes | None:
        if self._changes_at is None or self.polls < self._changes_at or cursor == "seen":
            return None
        return Changes("seen", [TaskRecord(0, JobStatus.RUNNING)])


@pytest.fixture
def wake() -> Iterator[Wake]:
    wake = Wake()
    yield wake
    wake.close()


def test_without_a_timeout_every_job_is_polled_once_due_or_not() -> None:
    jobs = {"a": Job(60), "b": Job(60, changes_at=2)}
    loop = PollLoop(jobs.__getitem__)
    assert loop.poll({"a": "", "b": ""}) == {}
    assert list(loop.poll({"a": "", "b": ""})) == ["b"]
    assert [job.polls for job in jobs.values()] == [2, 2]


def test_each_job_is_polled_at_its_own_pace_until_one_changes() -> None:
    jobs = {"slow": Job(60), "quick": Job(0.01, changes_at=5)}
    began = time.monotonic()
    changed = PollLoop(jobs.__getitem__).poll({"slow": "", "quick": ""}, timeout=30)
    assert list(changed) == ["quick"]
    assert [job.polls for job in jobs.values()] == [1, 5]
    assert time.monotonic() - began < 10


def test_a_change_that_is_known_already_is_not_reported() -> None:
    job = Job(0.01, changes_at=1)
    assert PollLoop(lambda _: job).poll({"j": "seen"}, timeout=0.05) == {}


def test_the_wait_ends_with_the_time_limit() -> None:
    job = Job(60)
    began = time.monotonic()
    assert PollLoop(lambda _: job).poll({"j": ""}, timeout=0.05) == {}
    assert 0.05 <= time.monotonic() - began < 10
    assert job.polls == 1


def test_a_wake_ends_the_wait(wake: Wake) -> None:
    timer = threading.Timer(0.05, wake.set)
    timer.start()
    began = time.monotonic()
    assert PollLoop(lambda _: Job(60)).poll({"j": ""}, timeout=30, wake=wake) == {}
    assert time.monotonic() - began < 10
    timer.join()


def test_a_job_that_is_made_due_meanwhile_is_polled_with_the_next_call(wake: Wake) -> None:
    job = Job(60)
    loop = PollLoop(lambda _: job)
    loop.poll({"j": ""})
    job.due = 0.0
    wake.set()
    assert loop.poll({"j": ""}, timeout=0.05, wake=wake) == {}
    assert job.polls == 2


def test_no_jobs_are_waited_for_in_vain() -> None:
    assert PollLoop(lambda _: Job(60)).poll({}, timeout=0.01) == {}


def test_what_a_job_raises_is_passed_on() -> None:
    def gone(job_id: str) -> Job:
        raise JobNotFound(job_id)

    with pytest.raises(JobNotFound):
        PollLoop(gone).poll({"j": ""})
