"""Reading streams makes no noise of its own."""

from __future__ import annotations

import logging

import pytest

from remotebatch import SubmissionEnvironment

TIMEOUT = 60.0


def test_following_a_quiet_task_is_quiet(
    processes: SubmissionEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    def speak_now_and_then() -> None:
        import time

        for number in range(3):
            print(number, flush=True)
            time.sleep(0.7)

    with caplog.at_level(logging.WARNING):
        job = processes.submit(speak_now_and_then)
        assert list(job.follow()) == ["0", "1", "2"]
        assert list(job.follow("stderr")) == []
    assert caplog.messages == []
    assert job.started_at is not None
    assert job.ended_at is not None
    assert job.ended_at > job.started_at
