"""What an earlier attempt has left behind does not pass for the work of a later one."""

from __future__ import annotations

from pathlib import Path

import pytest

from remotebatch import FailureType, JobFailed, SubmissionEnvironment

TIMEOUT = 60.0


def test_a_retry_that_is_aborted_has_nothing_of_the_attempt_before(
    processes: SubmissionEnvironment, tmp_path: Path
) -> None:
    def fail() -> None:
        print("first")
        with open("JobOutput/first.txt", "w") as file:
            file.write("first")
        raise ValueError("first")

    def sleep(_: int) -> None:
        import time

        time.sleep(60)

    job = processes.submit(fail).wait(TIMEOUT)
    assert [file.name for file in job.output_files()] == ["first.txt"]
    blocking = processes.options(job_priority=1).map_submit(sleep, range(4))
    job.retry().abort().wait(TIMEOUT)
    blocking.delete()
    assert job.failure_type is FailureType.ABORTED
    with pytest.raises(JobFailed, match="Aborted"):
        job.result()
    with pytest.raises(JobFailed):
        job.save_result(tmp_path / "result")
    assert (job.log(), job.error_log(), job.output_files()) == ("", "", [])


def test_the_files_of_an_automatic_retry_are_its_own(processes: SubmissionEnvironment) -> None:
    def write_other_files() -> int:
        import os

        from remotebatch import task

        second = os.path.exists("marker")
        with open("marker", "w"), open(f"JobOutput/{'second' if second else 'first'}.txt", "w"):
            pass
        if not second:
            raise ValueError("once more")
        return task.attempt()

    job = processes.options(max_retries=1).submit(write_other_files).wait(TIMEOUT)
    assert (job.succeeded, job.attempts, job.result()) == (True, 2, 2)
    assert [file.name for file in job.output_files()] == ["second.txt"]


def test_retries_count_on_from_those_before(processes: SubmissionEnvironment) -> None:
    def fail_twice() -> int:
        from remotebatch import task

        if task.attempt() < 3:
            raise ValueError(task.attempt())
        return task.attempt()

    job = processes.submit(fail_twice).wait(TIMEOUT)
    assert repr(job.exception()) == "ValueError(1)"
    job.retry().wait(TIMEOUT)
    assert repr(job.exception()) == "ValueError(2)"
    assert job.retry().result(TIMEOUT) == 3


def test_a_long_reason_is_read_all_the_same(processes: SubmissionEnvironment) -> None:
    def fail() -> None:
        import warnings

        warnings.simplefilter("always")
        for number in range(500):
            warnings.warn(f"{number} " + "w" * 5000, stacklevel=1)
        raise ValueError("x" * 100_000)

    job = processes.submit(fail).wait(TIMEOUT)
    assert job.failure_type is FailureType.USER_EXCEPTION
    assert len(str(job.status_reason)) < 11_000
    assert job.evaluation is not None
    assert len(job.evaluation.warnings) == 100
    with pytest.raises(ValueError, match=r"x{100000}"):
        job.result()


def test_a_container_that_may_not_write_says_so(env: SubmissionEnvironment) -> None:
    job = env.options(container_run_options="--user 1000:1000").submit(abs, 1).wait(TIMEOUT)
    assert (job.exit_code, job.failure_type) == (97, FailureType.SETUP_FAILED)
    assert "the task cannot be set up on this node: PermissionError" in job.error_log()
