"""Every task is watched to its end, whatever happens to the jobs that they are in."""

from __future__ import annotations

from typing import Any

import pytest

from remotebatch import FailureType, JobStatus, SubmissionEnvironment
from remotebatch_azurebatch.batch import values
from remotebatch_azurebatch.batch.parts import PlacedPart, part_of
from remotebatch_azurebatch.submission import submitter
from remotebatch_azurebatch.tracking import submission_watch
from tests.azurebatch.conftest import POOL
from tests.support.batch import wait_for_job

TIMEOUT = 60.0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine soon what holds a job up."""
    monkeypatch.setattr(submission_watch, "_STALLED", 0.5)


def fail(number: int) -> None:
    raise ValueError(number)


def test_one_poll_brings_all_tasks_however_many_pages_it_takes(
    processes: SubmissionEnvironment, elsewhere: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = processes.map_submit(fail, range(12)).wait(TIMEOUT)
    monkeypatch.setattr(values, "PAGE", 5)
    attached: Any = elsewhere.job(array.id)
    assert attached.status is JobStatus.COMPLETED
    attached.retry().wait(TIMEOUT)
    assert [child.attempts for child in attached] == [2] * 12


def test_tasks_of_a_job_that_was_never_made_are_reported(
    processes: SubmissionEnvironment, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_of_three(count: int, pools: Any) -> Any:
        # as if the client had ended before it made the second part
        return [PlacedPart(part_of(1, {0: 0, 1: 0}), POOL)]

    monkeypatch.setattr(submitter, "deal", two_of_three)
    array = processes.map_submit(lambda number: number, range(3)).wait(TIMEOUT)
    assert [str(status) for status in array.child_statuses] == ["Succeeded", "Succeeded", "Failed"]
    assert "cut short before it was added" in str(array[2].status_reason)


def test_a_task_that_is_not_ours_is_passed_over(processes: SubmissionEnvironment) -> None:
    def sleep() -> str:
        import time

        time.sleep(1)
        return "slept"

    job = processes.submit(sleep)
    client: Any = processes._client.provider._client  # type: ignore[attr-defined]
    client.create_task(job.provider_job_id, {"id": "by-hand", "commandLine": "/bin/true"})
    assert job.result(TIMEOUT) == "slept"


def test_a_preparation_that_fails_ends_the_job(processes: SubmissionEnvironment, impatient: None) -> None:
    job = processes.options(job_preparation="echo no licence >&2; exit 3").submit(abs, 1)
    job.wait(TIMEOUT)
    assert job.failure_type is FailureType.SETUP_FAILED
    assert "its nodes cannot be prepared: FailureExitCode" in str(job.status_reason)


def test_deleting_takes_what_another_process_has_added(
    processes: SubmissionEnvironment, elsewhere: SubmissionEnvironment
) -> None:
    array = processes.map_submit(fail, range(2)).wait(TIMEOUT)
    elsewhere.job(array.id).retry().wait(TIMEOUT)
    array.delete()
    client: Any = processes._client.provider._client  # type: ignore[attr-defined]
    left = client.list_jobs(filter=f"startswith(id,'{array.provider_job_id}')")
    assert {job["state"] for job in left} <= {"deleting"}


def test_a_task_that_was_ended_before_it_began_is_known_at_once(
    processes: SubmissionEnvironment, elsewhere: SubmissionEnvironment
) -> None:
    def sleep(_: int) -> None:
        import time

        time.sleep(60)

    blocking = processes.options(job_priority=1).map_submit(sleep, range(4))
    queued = processes.map_submit(abs, [1, 2]).abort()
    client: Any = processes._client.provider._client  # type: ignore[attr-defined]
    wait_for_job(client, queued.provider_job_id)
    blocking.delete()
    attached: Any = elsewhere.job(queued.id)
    assert (attached.counts.active, attached.counts.failed) == (0, 2)
    assert attached.status is JobStatus.COMPLETED
    assert attached[1].failure_type is FailureType.ABORTED
    assert "aborted by remotebatch" in str(attached.status_reason)


def test_a_retry_from_elsewhere_begins_the_tasks_again(
    processes: SubmissionEnvironment, elsewhere: SubmissionEnvironment
) -> None:
    array = processes.map_submit(fail, range(2)).wait(TIMEOUT)
    blocking = processes.options(job_priority=1).map_submit(lambda _: __import__("time").sleep(60), range(4))
    elsewhere.job(array.id).retry()
    again: Any = processes.job(array.id)
    assert again.status is JobStatus.ACTIVE
    assert [(child.attempts, child.failure_type, child.log()) for child in again] == [(2, None, "")] * 2
    blocking.delete()
    assert [child.attempts for child in again.wait(TIMEOUT)] == [2, 2]
