"""Acting on a job: abort, retry, delete."""

from __future__ import annotations

from pathlib import Path

import pytest

from remotebatch import (
    FailureType,
    JobFailed,
    JobNotFound,
    SubmissionEnvironment,
)
from remotebatch.testing.contract.base import TIMEOUT, Contract


class ControlContract(Contract):
    """A job that is acted on."""

    def test_abort_ends_it_and_says_who_asked(
        self, environment: SubmissionEnvironment, tmp_path: Path
    ) -> None:
        def sleep() -> None:
            import time

            print("begun")
            time.sleep(60)

        job = environment.submit(sleep)
        assert next(job.follow()) == "begun"
        assert job.abort() is job
        job.wait(TIMEOUT)
        assert job.failure_type is FailureType.ABORTED
        assert "aborted by remotebatch on behalf of" in str(job.status_reason)
        with pytest.raises(JobFailed, match="Aborted"):
            job.result()
        with pytest.raises(JobFailed, match="Aborted"):
            job.save_result(tmp_path / "result")
        assert list(tmp_path.iterdir()) == []
        assert job.abort().failure_type is FailureType.ABORTED

    def test_copies_of_a_task_end_by_sigterm_however_early_it_comes(
        self, environment: SubmissionEnvironment
    ) -> None:
        """As multiprocessing ends its workers, and then waits for them."""

        def ends_of_copies() -> set[int]:
            import os
            import signal

            ends = set()
            for _ in range(50):
                pid = os.fork()
                if pid == 0:
                    while True:
                        signal.pause()
                os.kill(pid, signal.SIGTERM)
                ends.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            return ends

        assert environment.submit(ends_of_copies).result(TIMEOUT) == {-15}

    def test_abort_lets_user_code_clean_up(self, environment: SubmissionEnvironment) -> None:
        def tidy() -> None:
            import time

            try:
                print("begun")
                time.sleep(60)
            finally:
                print("cleaned up")

        job = environment.submit(tidy)
        assert next(job.follow()) == "begun"
        job.abort().wait(TIMEOUT)
        assert job.log() == "begun\ncleaned up\n"

    def test_retry_runs_it_again_under_the_same_id(self, environment: SubmissionEnvironment) -> None:
        def fail_with_the_time() -> None:
            import time

            raise ValueError(time.time_ns())

        job = environment.submit(fail_with_the_time)
        first = job.exception(TIMEOUT)
        assert job.retry() is job
        second = job.exception(TIMEOUT)
        assert first is not None
        assert second is not None
        assert second.args > first.args
        assert job.attempts == 2

    def test_delete_forgets_it(self, environment: SubmissionEnvironment) -> None:
        job = environment.submit(lambda: 1)
        job.wait(TIMEOUT)
        job.delete()
        with pytest.raises(JobNotFound):
            environment.job(job.id)
        assert job.id not in [other.id for other in environment.jobs()]
        with pytest.raises(JobNotFound, match="has been deleted"):
            _ = job.status
        assert (job.in_progress, job.succeeded, job.failed) == (False, False, False)
        assert "unknown" in repr(job)

    def test_timeout_leaves_it_running(self, environment: SubmissionEnvironment) -> None:
        def sleep() -> str:
            import time

            time.sleep(1.5)
            return "slept"

        job = environment.submit(sleep)
        with pytest.raises(TimeoutError, match=job.id):
            job.result(timeout=0.1)
        assert job.evaluation is None
        assert job.result(TIMEOUT) == "slept"
