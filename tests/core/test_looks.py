"""How often a task was tried is shown where it was more than once."""

from __future__ import annotations

import time

from remotebatch import JobStatus, SubmissionEnvironment
from remotebatch.provider import Changes, TaskRecord


def test_nothing_is_said_of_a_first_attempt(env: SubmissionEnvironment) -> None:
    for job in (env.submit(abs, 1).wait(), env.map_submit(abs, [1]).wait()):
        for look in (repr(job), job._repr_html_()):
            assert not any(word in look for word in ("attempts", "retries", "requeues"))


def test_attempts_and_retries(env: SubmissionEnvironment) -> None:
    job = env.options(max_retries=2).submit(int, "x").wait()
    assert "status=Failed, attempts=3, reason=ValueError" in repr(job)
    assert ">attempts</th>" in job._repr_html_()
    array = env.options(max_retries=1).map_submit(int, "1xy").wait()
    assert "1 succeeded, 2 failed, retries=2, reason=2 of 3" in repr(array)


def test_requeues(env: SubmissionEnvironment) -> None:
    array = env.map_submit(time.sleep, [600, 600])
    lost = [TaskRecord(index, JobStatus.RUNNING, requeues=2 + index) for index in range(2)]
    array._tracker.apply(Changes("", lost))
    assert "requeues=5" in repr(array)
    assert "requeues=3" in repr(array[1])
    assert ">requeues</th>" in array[1]._repr_html_()
    array.delete()
