"""Results of an array: read together, in order or as they come, and read again where they came damaged."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from remotebatch import FailureType, JobFailed, SubmissionEnvironment
from tests.support.failures import job_failed
from tests.support.providers import Careless, environment_of


@pytest.fixture
def provider(root: str) -> Iterator[Careless]:
    provider = Careless(root=root, slots=2)
    yield provider
    provider.close()


@pytest.fixture
def env(provider: Careless) -> SubmissionEnvironment:
    return environment_of(provider)


def test_each_result_is_read_once_and_in_order(provider: Careless, env: SubmissionEnvironment) -> None:
    array = env.map_submit(str, range(10), chunksize=3)
    assert list(array.iter_results()) == array.results() == [str(number) for number in range(10)]
    assert provider.read == [0, 1, 2, 3] * 2


def test_values_come_while_later_children_run(env: SubmissionEnvironment) -> None:
    array = env.map_submit(time.sleep, [0, 600])
    values = array.iter_results(return_exceptions=True)
    assert next(values) is None
    assert array.in_progress
    array.abort()
    assert [job_failed(error).failure_type for error in values] == [FailureType.ABORTED]


def test_the_first_failure_ends_the_reading(provider: Careless, env: SubmissionEnvironment) -> None:
    array = env.map_submit(int, ["0", "one", "2", "three"]).wait()
    values = array.iter_results()
    assert next(values) == 0
    with pytest.raises(ValueError, match="one") as caught:
        next(values)
    assert provider.reading == 0, caught
    assert provider.read == [0, 1]


def test_an_iterator_that_is_dropped_ends_the_reading(provider: Careless, env: SubmissionEnvironment) -> None:
    readings: list[Generator[Any, None, None]] = [
        env.map_submit(int, "123").wait().iter_results(),
        env.map_submit(int, "123").wait().as_completed(with_results=True),
    ]
    for values in readings:
        next(values)
        assert provider.reading == 1
        values.close()
        assert provider.reading == 0


def test_time_is_up(env: SubmissionEnvironment) -> None:
    array = env.map_submit(time.sleep, [600])
    with pytest.raises(
        TimeoutError, match=rf"child 0 of job 'sleep' \({array.id}\) is still .* after 0\.2 s"
    ):
        array.results(timeout=0.2)
    array.abort()


def test_completed_children_have_their_results(provider: Careless, env: SubmissionEnvironment) -> None:
    array = env.map_submit(int, ["0", "one", "2"]).wait()
    for child in array.as_completed(with_results=True):
        read = list(provider.read)
        if child.index == 1:
            assert isinstance(child.exception(), ValueError)
        else:
            assert child.result() == child.index
        assert provider.read == read
    assert sorted(provider.read) == [0, 1, 2]


def test_completed_children_without_results_read_nothing(
    provider: Careless, env: SubmissionEnvironment
) -> None:
    assert len(list(env.map_submit(int, "123").as_completed())) == 3
    assert provider.read == []


def test_a_damaged_result_is_read_again(provider: Careless, env: SubmissionEnvironment) -> None:
    provider.cuts = 1
    assert env.map_submit(int, "123").results() == [1, 2, 3]
    assert provider.read == [0, 0, 1, 1, 2, 2]


def test_a_result_that_stays_damaged_is_reported(provider: Careless, env: SubmissionEnvironment) -> None:
    provider.cuts = 2
    first, second = env.map_submit(int, "12").results(return_exceptions=True)
    assert (job_failed(first).failure_type, job_failed(second).failure_type) == (
        FailureType.RESULT_UNAVAILABLE,
    ) * 2
    assert "the stored result is damaged" in str(first)
    provider.read.clear()
    with pytest.raises(JobFailed, match="damaged"):
        env.submit(int, "1").result()
    assert provider.read == [0, 0]
