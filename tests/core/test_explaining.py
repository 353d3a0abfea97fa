"""Why a task failed is asked for only where somebody wants to know, of all tasks at once, and once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from remotebatch import (
    ArrayJob,
    FailureType,
    JobFailed,
    JobStatus,
    ProviderUnavailable,
    SubmissionEnvironment,
)
from remotebatch.provider import Changes
from tests.support.failures import job_failed
from tests.support.providers import Reticent, environment_of, untold


@pytest.fixture
def provider(root: str) -> Iterator[Reticent]:
    provider = Reticent(root=root, slots=2)
    yield provider
    provider.close()


@pytest.fixture
def env(provider: Reticent) -> SubmissionEnvironment:
    return environment_of(provider)


@pytest.fixture
def exits(env: SubmissionEnvironment) -> ArrayJob[Any]:
    """Children 1 and 3 of four end with exit codes of their own."""

    def leave(code: int) -> None:
        import sys

        sys.exit(code)

    return env.map_submit(leave, [0, 11, 0, 13]).wait()


def test_statuses_and_counts_need_no_explanation(provider: Reticent, exits: ArrayJob[Any]) -> None:
    assert exits.child_statuses[1] is JobStatus.FAILED
    assert exits.child_exit_codes == [0, None, 0, None]
    assert (exits.counts.failed, exits.failed, exits[1].failed, exits[1].attempts) == (2, True, True, 1)
    assert provider.asked == []


def test_reason_of_an_array_explains_only_the_first(provider: Reticent, exits: ArrayJob[Any]) -> None:
    for _ in range(2):
        reason = exits.status_reason
        assert reason == ("2 of 4 children failed; child 1: NonZeroExit: the function called sys.exit(11)")
    assert provider.asked == [[1]]


def test_reasons_of_all_children_are_one_query(provider: Reticent, exits: ArrayJob[Any]) -> None:
    for _ in range(2):
        assert [reason and reason[-3:-1] for reason in exits.child_status_reasons] == [None, "11", None, "13"]
    assert provider.asked == [[1, 3]]
    assert exits.child_exit_codes == [0, 11, 0, 13]


def test_each_property_of_a_failed_task_is_explained(provider: Reticent, exits: ArrayJob[Any]) -> None:
    assert exits[1].exit_code == 11
    assert exits[1].failure_type is FailureType.NON_ZERO_EXIT
    assert exits[3].properties()["exit_code"] == 13
    assert (exits[0].exit_code, exits[0].failure_type) == (0, None)
    assert provider.asked == [[1], [3]]


def test_results_explain_all_failures_at_once(provider: Reticent, exits: ArrayJob[Any]) -> None:
    _, first, _, second = exits.results(return_exceptions=True)
    failures = [job_failed(first), job_failed(second)]
    assert [(failure.exit_code, failure.failure_type) for failure in failures] == [
        (11, FailureType.NON_ZERO_EXIT),
        (13, FailureType.NON_ZERO_EXIT),
    ]
    assert provider.asked == [[1, 3]]


def test_aborted_children_are_explained_at_once(provider: Reticent, env: SubmissionEnvironment) -> None:
    import time

    array = env.map_submit(time.sleep, [600] * 5).abort()
    errors = array.results(return_exceptions=True)
    assert {job_failed(error).failure_type for error in errors} == {FailureType.ABORTED}
    assert provider.asked == [[0, 1, 2, 3, 4]]


def test_an_exception_explains_itself(provider: Reticent, env: SubmissionEnvironment) -> None:
    array = env.map_submit(int, ["1", "two", "3"])
    with pytest.raises(ValueError, match="two"):
        array.results()
    assert isinstance(array.results(return_exceptions=True)[1], ValueError)
    assert provider.asked == []


def test_a_poll_that_tells_less_takes_nothing_away(provider: Reticent, exits: ArrayJob[Any]) -> None:
    tracker = exits._tracker
    explained = tracker.explained(1)
    tracker.apply(Changes(tracker.cursor, [untold(explained)]))
    assert tracker.task(1) == explained
    assert provider.asked == [[1]]


def test_an_explanation_that_comes_late_takes_nothing_back(provider: Reticent, exits: ArrayJob[Any]) -> None:
    provider.meanwhile = exits.retry
    assert exits[1].exit_code == 11
    provider.meanwhile = lambda: None
    assert exits.wait()[1].attempts == 2
    assert exits[1].failure_type is FailureType.NON_ZERO_EXIT


def test_retry_after_an_explanation(exits: ArrayJob[Any]) -> None:
    assert exits.status_reason
    assert [child.attempts for child in exits.retry().wait()] == [1, 2, 1, 2]


def test_many_threads_are_one_query(provider: Reticent, exits: ArrayJob[Any]) -> None:
    with ThreadPoolExecutor(8) as pool:
        reasons = set(pool.map(lambda _: exits.status_reason, range(32)))
    assert len(reasons) == 1
    assert provider.asked == [[1]]


def test_a_provider_that_cannot_tell_is_heard(provider: Reticent, exits: ArrayJob[Any]) -> None:
    def fail() -> None:
        raise ProviderUnavailable("busy just now")

    provider.meanwhile = fail
    with pytest.raises(ProviderUnavailable, match="busy just now"):
        _ = exits.status_reason
    with pytest.raises(ProviderUnavailable):
        exits[1].result()
    assert (exits.failed, exits[1].status) == (True, JobStatus.FAILED)
    assert "status=Failed, reason=unknown (busy just now)" in repr(exits[1])
    provider.meanwhile = lambda: None
    with pytest.raises(JobFailed, match=r"sys\.exit\(11\)"):
        exits[1].result()
