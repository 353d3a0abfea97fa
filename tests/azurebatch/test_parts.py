"""Submissions of several Azure jobs: on several pools, and after a retry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.core.exceptions import ResourceExistsError

from azurebatch_emulator import Emulator
from remotebatch import ArrayJob, Command, SubmissionEnvironment
from remotebatch_azurebatch.batch.parts import Span, part_of
from tests.azurebatch.conftest import POOL, container_pool
from tests.support.batch import connect, wait_for_nodes
from tests.support.requests import counted

TIMEOUT = 60.0
OTHER = "other"


@pytest.fixture
def two_pools(
    processes: SubmissionEnvironment, processes_emulator: Emulator
) -> Iterator[SubmissionEnvironment]:
    with connect(processes_emulator) as client:
        try:
            client.create_pool(container_pool(OTHER, slots=4))
        except ResourceExistsError:
            pass  # by the test before
        wait_for_nodes(client, OTHER, 1)
    environment = SubmissionEnvironment("AzureBatch", pool_id=[POOL, OTHER])
    yield environment
    environment.close()


def where(_: int) -> str:
    import os

    return os.environ["AZ_BATCH_POOL_ID"]


def test_an_array_is_spread_over_its_pools(two_pools: SubmissionEnvironment) -> None:
    array = two_pools.map_submit(where, range(6))
    assert array.results(TIMEOUT) == [POOL] * 3 + [OTHER] * 3
    assert [child.provider_task_id for child in array] == [str(10000001 + index) for index in range(6)]
    assert array.counts.succeeded == 6
    assert [job.id for job in two_pools.jobs()].count(array.id) == 1


def test_a_single_call_goes_to_one_of_them(two_pools: SubmissionEnvironment) -> None:
    job = two_pools.submit(where, 0)
    assert job.result(TIMEOUT) in (POOL, OTHER)
    assert job.provider_task_id == "10000000"


def test_all_of_it_is_aborted_and_deleted(two_pools: SubmissionEnvironment) -> None:
    def sleep(_: int) -> None:
        import time

        time.sleep(60)

    array = two_pools.map_submit(sleep, range(4))
    array.abort().wait(TIMEOUT)
    assert {str(child.failure_type) for child in array} == {"Aborted"}
    assert "aborted by remotebatch" in str(array[3].status_reason)
    array.delete()
    provider = two_pools._client.provider
    left = provider._client.list_jobs(filter=f"startswith(id,'{array.provider_job_id}')")  # type: ignore[attr-defined]
    assert [job.id for job in left if str(job.state) != "BatchJobState.DELETING"] == []


def test_what_failed_is_added_once_more_where_it_was(two_pools: SubmissionEnvironment) -> None:
    def fail_on_odd(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number

    array = two_pools.map_submit(fail_on_odd, range(4)).wait(TIMEOUT)
    array.retry().wait(TIMEOUT)
    assert [child.attempts for child in array] == [1, 2, 1, 2]
    array.retry().wait(TIMEOUT)
    assert [child.attempts for child in array] == [1, 3, 1, 3]
    assert (array.counts.succeeded, array.counts.failed) == (2, 2)
    elsewhere = SubmissionEnvironment("AzureBatch", pool_id=POOL)
    attached = elsewhere.job(array.id)
    assert isinstance(attached, ArrayJob)
    assert attached.wait(TIMEOUT).child_statuses == array.child_statuses
    assert [child.attempts for child in attached] == [1, 3, 1, 3]
    assert isinstance(attached[3].exception(), ValueError)
    elsewhere.close()


def test_another_process_may_retry(processes: SubmissionEnvironment) -> None:
    def fail(number: int) -> None:
        raise ValueError(number)

    array = processes.map_submit(fail, range(2)).wait(TIMEOUT)
    elsewhere = SubmissionEnvironment("AzureBatch", pool_id=POOL)
    elsewhere.job(array.id).retry().wait(TIMEOUT)
    elsewhere.close()
    assert processes.job(array.id) == array
    assert [child.attempts for child in array.wait(TIMEOUT)] == [2, 2]


def test_a_part_describes_its_tasks_in_few_words() -> None:
    part = part_of(2, {0: 1, 1: 1, 2: 1, 5: 1, 6: 2})
    assert part.spans == [Span(0, 3, 1), Span(5, 6, 1), Span(6, 7, 2)]
    assert list(part.indices()) == [0, 1, 2, 5, 6]
    assert (part.count, part.first, part.has(2), part.has(3)) == (5, 0, True, False)
    assert part.attempts() == {0: 1, 1: 1, 2: 1, 5: 1, 6: 2}
    assert {index: part.attempts_of(index) for index in part.indices()} == part.attempts()


def test_commands_are_read_once_to_be_retried(processes: SubmissionEnvironment) -> None:
    long = "x" * 5000  # so that they lie in a blob
    array = processes.map_submit([Command(["sh", "-c", f"exit 3 # {long}"]) for _ in range(3)]).wait(TIMEOUT)
    with counted() as retrying:
        array.retry()
    assert retrying.count("GET", "$Inputs/") == 1
    assert [child.attempts for child in array.wait(TIMEOUT)] == [2, 2, 2]
    assert [child.exit_code for child in array] == [3, 3, 3]
    with counted() as reading:
        argvs = [child.evaluation.result.args for child in array if child.evaluation]
    assert [len(argv) for argv in argvs] == [3, 3, 3]
    assert reading.count("GET", "$Inputs/") == 1
