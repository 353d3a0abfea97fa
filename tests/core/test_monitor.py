"""Waiting goes on where queries fail, and asks no more often than it must."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from remotebatch import ProviderError, ProviderUnavailable, SubmissionEnvironment, wait
from remotebatch.provider import Changes, Wake
from remotebatch.tracking.waiting import watching
from remotebatch_local import LocalProvider
from tests.support.providers import environment_of


class Moody(LocalProvider):
    """Its long polls raise or report nothing, as often as `answers` says."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.answers: list[Exception | None] = []
        self.long_polls = 0

    def poll(
        self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
    ) -> dict[str, Changes]:
        if timeout > 0:
            self.long_polls += 1
            if self.answers:
                answer = self.answers.pop(0)
                if answer is None:
                    return {}
                raise answer
        return super().poll(cursors, timeout, wake)


@pytest.fixture
def provider(root: str) -> Iterator[Moody]:
    provider = Moody(root=root, slots=2)
    yield provider
    provider.close()


@pytest.fixture
def env(provider: Moody) -> SubmissionEnvironment:
    return environment_of(provider)


@pytest.mark.parametrize(
    "answer",
    [None, ProviderUnavailable("later"), ProviderError("something odd"), KeyError("a fault")],
    ids=["nothing", "unavailable", "refused", "fault"],
)
def test_a_query_without_news_is_repeated(
    provider: Moody, env: SubmissionEnvironment, answer: Exception | None
) -> None:
    provider.answers = [answer] * 3
    assert env.submit(time.sleep, 0.5).wait(60).succeeded
    assert provider.answers == []


def test_more_waiters_for_one_job_make_no_more_queries(provider: Moody, env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 600)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            job.wait(0.2)
    asked = provider.long_polls
    with watching([job._tracker], lambda events: None):
        for _ in range(20):
            with pytest.raises(TimeoutError):
                job.wait(0.01)
    assert provider.long_polls <= asked + 2
    job.delete()


def test_a_fault_with_one_job_is_reported_for_that_job_alone(root: str) -> None:
    class Faulty(LocalProvider):
        broken = ""

        def poll(
            self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
        ) -> dict[str, Changes]:
            if self.broken in cursors:
                raise KeyError("a fault")
            return super().poll(cursors, timeout, wake)

    provider = Faulty(root=root, slots=2)
    with environment_of(provider) as env:
        good, bad = env.submit(time.sleep, 1), env.submit(time.sleep, 1)
        provider.broken = bad.id
        with pytest.raises(ProviderError, match=f"job {bad.id} cannot be watched: KeyError: .* goes on"):
            wait([good, bad], 60)
        assert good.wait(60).succeeded
        provider.broken = ""
        attached = env.job(bad.id)
        assert attached.provider == "Local"


def test_a_listener_that_fails_keeps_nothing_from_the_others(env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 0.5)

    def fail(events: object) -> None:
        raise RuntimeError("a listener's fault")

    with watching([job._tracker], fail):
        assert job.wait(60).succeeded
    assert env.submit(abs, -1).result(60) == 1
