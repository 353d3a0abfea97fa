"""Arrays: order, chunks, partial failures, results as they come."""

from __future__ import annotations

import pytest

from remotebatch import (
    ArrayJob,
    FailureType,
    JobStatus,
    JobType,
    SubmissionEnvironment,
)
from remotebatch.testing.contract.base import TIMEOUT, Contract


class ArrayContract(Contract):
    """One function over many elements."""

    def test_map_gives_a_flat_list_in_input_order(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda a, b: a * b, range(5), [10, 20, 30, 40, 50, 60])
        assert array.results(TIMEOUT) == [0, 20, 60, 120, 200]
        assert isinstance(array, ArrayJob)
        assert (array.type, array.status, len(array)) == (JobType.ARRAY, JobStatus.COMPLETED, 5)
        assert array.child_statuses == [JobStatus.SUCCEEDED] * 5
        assert array.child_exit_codes == [0] * 5
        assert (array.counts.succeeded, array.counts.total) == (5, 5)
        assert array.provider_first_task_id == "10000001"
        assert [child.provider_task_id for child in array[-2:]] == ["10000004", "10000005"]
        assert array[1].result() == 20
        assert array[-1].type is JobType.ARRAY_CHILD
        assert array.status_reason is None

    def test_chunks_are_contiguous_and_results_stay_flat(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda x: x * x, range(7), chunksize=3)
        assert len(array) == 3
        assert array.results(TIMEOUT) == [0, 1, 4, 9, 16, 25, 36]
        assert [list(child.span) for child in array] == [[0, 1, 2], [3, 4, 5], [6]]
        assert array[1].result() == [9, 16, 25]

    def test_initializer_runs_once_in_each_child(self, environment: SubmissionEnvironment) -> None:
        def prepare() -> None:
            import builtins

            builtins.prepared = getattr(builtins, "prepared", 0) + 1  # type: ignore[attr-defined]

        def look(_: int) -> int:
            import builtins

            return builtins.prepared  # type: ignore[attr-defined, no-any-return]

        array = environment.map_submit(look, range(4), chunksize=2, initializer=prepare)
        assert array.results(TIMEOUT) == [1, 1, 1, 1]

    def test_each_element_has_its_index_and_a_seed_of_its_own(
        self, environment: SubmissionEnvironment
    ) -> None:
        def look(_: int) -> tuple[tuple[int, int, str | None, int], int]:
            from remotebatch import task

            return (task.index(), task.attempt(), task.job_id(), task.vcpu_count()), task.seed()

        first = environment.map_submit(look, range(3), chunksize=2)
        known, seeds = zip(*first.results(TIMEOUT))
        assert list(known) == [(index, 1, first.id, 1) for index in range(3)]
        assert len(set(seeds)) == 3
        again = environment.options(seed=first.settings["seed"]).map_submit(look, range(3))
        assert [seed for _, seed in again.results(TIMEOUT)] == list(seeds)

    def test_exceptions_stand_in_their_places_and_retry_runs_only_those(
        self, environment: SubmissionEnvironment
    ) -> None:
        def odd_ones_fail(number: int) -> int:
            if number % 2:
                raise ValueError(number)
            return number

        array = environment.map_submit(odd_ones_fail, range(5))
        with pytest.raises(ValueError, match="1"):
            array.results(TIMEOUT)
        results = array.results(TIMEOUT, return_exceptions=True)
        assert [repr(result) for result in results] == ["0", "ValueError(1)", "2", "ValueError(3)", "4"]
        assert (array.counts.succeeded, array.counts.failed) == (3, 2)
        assert array.failed
        assert "2 of 5 children failed" in str(array.status_reason)
        array.retry().wait(TIMEOUT)
        assert [child.attempts for child in array] == [1, 2, 1, 2, 1]
        assert "3 succeeded, 2 failed, retries=2" in repr(array)
        assert [reason is None for reason in array.child_status_reasons] == [True, False, True, False, True]

    def test_a_chunk_keeps_what_succeeded(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda x: 1 // x, [1, 0, -1], chunksize=3)
        first, second, third = array.results(TIMEOUT, return_exceptions=True)
        assert (first, third) == (1, -1)
        assert isinstance(second, ZeroDivisionError)

    def test_children_come_as_they_complete(self, environment: SubmissionEnvironment) -> None:
        def sleep(seconds: float) -> float:
            import time

            time.sleep(seconds)
            return seconds

        array = environment.map_submit(sleep, [3.0, 0.0])
        completed = array.as_completed(TIMEOUT, with_results=True)
        assert [(child.index, child.result()) for child in completed] == [(1, 0.0), (0, 3.0)]

    def test_values_come_in_order_before_all_is_done_and_the_rest_can_be_aborted(
        self, environment: SubmissionEnvironment
    ) -> None:
        def sleep(seconds: float) -> float:
            import time

            time.sleep(seconds)
            return seconds

        array = environment.map_submit(sleep, [0, 60, 60])
        values = array.iter_results(TIMEOUT, return_exceptions=True)
        assert next(values) == 0
        assert array.in_progress
        array.abort()
        assert [getattr(error, "failure_type", None) for error in values] == [FailureType.ABORTED] * 2
        assert (array.counts.succeeded, array.counts.failed) == (1, 2)
        assert "2 of 3 children failed; child 1: Aborted: aborted by remotebatch" in str(array.status_reason)

    def test_one_child_can_be_aborted(self, environment: SubmissionEnvironment) -> None:
        def sleep(seconds: float) -> None:
            import time

            time.sleep(seconds)

        array = environment.map_submit(sleep, [60, 0.5])
        array[0].abort()
        array.wait(TIMEOUT)
        assert array[0].failure_type is FailureType.ABORTED
        assert array[1].succeeded

    def test_empty_map(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda x: x, [])
        assert array.results(TIMEOUT) == []
        assert array.status is JobStatus.COMPLETED
