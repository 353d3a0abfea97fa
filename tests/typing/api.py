"""What editors infer for users of the library: checked by mypy and pyright, never run."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from typing_extensions import assert_type

import remotebatch
from remotebatch import (
    ArrayChildJob,
    ArrayJob,
    Command,
    Counts,
    Evaluation,
    FailureType,
    JobStatus,
    SingleJob,
    SubmissionEnvironment,
)


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def environments() -> None:
    """Environments and what derives from them."""
    environment = SubmissionEnvironment("Local", slots=2)
    assert_type(environment, SubmissionEnvironment)
    assert_type(environment.options(time_constraint=60), SubmissionEnvironment)
    assert_type(environment.provider, str)
    assert_type(environment.jobs(), list[SingleJob[Any] | ArrayJob[Any]])
    assert_type(environment.job("id"), SingleJob[Any] | ArrayJob[Any])
    assert_type(remotebatch.default_environment(), SubmissionEnvironment)


def single_jobs(environment: SubmissionEnvironment) -> None:
    """One call."""
    job = environment.submit(double, 1)
    assert_type(job, SingleJob[int])
    assert_type(environment.submit(Command(["true"])), SingleJob[CompletedProcess[str]])
    assert_type(remotebatch.submit(double, 1), SingleJob[int])
    assert_type(job.wait(1), SingleJob[int])
    assert_type(job.result(), int)
    assert_type(job.status, JobStatus)
    assert_type(job.failure_type, FailureType | None)
    assert_type(job.exit_code, int | None)
    assert_type(job.exception(), BaseException | None)
    assert_type(job.evaluation, Evaluation | None)
    assert_type(job.log(), str)
    assert_type(job.log(raw=True), bytes)
    assert_type(job.save_result("file"), Path)


def waiting(environment: SubmissionEnvironment) -> None:
    """Several jobs."""
    jobs = [environment.submit(double, number) for number in (1, 2)]
    done, _ = remotebatch.wait(jobs)
    assert_type(done, set[SingleJob[int]])
    assert_type(remotebatch.wait(jobs).not_done, set[SingleJob[int]])
    for job in remotebatch.as_completed(jobs):
        assert_type(job, SingleJob[int])


def array_jobs(environment: SubmissionEnvironment) -> None:
    """One call for each element."""
    array = environment.map_submit(double, [1, 2])
    assert_type(array, ArrayJob[int])
    assert_type(environment.map_submit([Command(["true"])]), ArrayJob[CompletedProcess[str]])
    assert_type(array[0], ArrayChildJob[int])
    assert_type(array[:1], list[ArrayChildJob[int]])
    assert_type(array.results(), list[int])
    assert_type(array.counts, Counts)
    assert_type(array.child_statuses, list[JobStatus])
    for child in array:
        assert_type(child, ArrayChildJob[int])


async def awaited(environment: SubmissionEnvironment) -> None:
    """Jobs in a coroutine."""
    assert_type(await environment.submit(double, 1), int)
    assert_type(await environment.map_submit(double, [1, 2]), list[int])
