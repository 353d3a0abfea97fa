"""How few requests it takes to submit, to watch and to collect."""

from __future__ import annotations

from typing import Any

import pytest

from remotebatch import Command, SubmissionEnvironment
from tests.support.requests import counted

TIMEOUT = 120.0


@pytest.fixture
def many(processes: SubmissionEnvironment) -> SubmissionEnvironment:
    """An environment whose tasks run as processes: it is the requests that matter."""
    processes.submit(abs, 0).result(TIMEOUT)  # the account's first job also makes its container of objects
    return processes


def test_an_array_of_a_thousand(many: SubmissionEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
    def half(number: int) -> float:
        return number / 2

    with counted() as submitting:
        array = many.map_submit(half, range(1000))
    with capsys.disabled():
        print(f"\nto submit 1,000 children: {submitting}")
    assert submitting.count("POST", "/addtaskcollection") == 10
    assert submitting.count("POST", "/jobs") == 11
    assert submitting.count("PUT", "/job-remotebatch-") == 2  # the container and the inputs
    assert submitting.count("PUT", "/remotebatch-objects/") == 1  # the program
    assert len(submitting) <= 15
    array.delete()


def test_watching_and_collecting(many: SubmissionEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
    array = many.map_submit(lambda number: number, range(120))
    with counted() as watching:
        array.wait(TIMEOUT)
    with capsys.disabled():
        print(f"\nuntil 120 children had ended: {watching}")
    assert watching.count("GET", "/tasks") == len(watching)
    with counted() as collecting:
        assert sum(array.results()) == sum(range(120))
    assert (len(collecting), collecting.count("GET", "$Results")) == (120, 120)
    with counted() as nothing:
        assert array.succeeded
        assert array.counts.succeeded == 120
    assert len(nothing) == 0


def test_a_poll_is_one_page_of_what_has_changed(many: SubmissionEnvironment) -> None:
    def sleep(_: int) -> None:
        import time

        time.sleep(60)

    array = many.map_submit(sleep, range(120))
    provider: Any = many._client.provider
    watch = provider._watch(array._tracker.record)
    with counted() as looking:
        for _ in range(5):
            watch.poll_now()
    assert looking.sent == [("GET", f"/jobs/{array.provider_job_id}/tasks")] * 5
    array.delete()


def test_a_single_call(many: SubmissionEnvironment) -> None:
    def negative(number: int) -> int:
        return -number

    with counted() as submitting:
        job = many.submit(negative, 1)
    # its container, its job with the task in it, and once in a while the program and a look at the pool
    assert submitting.count("POST") == 1
    assert len(submitting) <= 4
    with counted() as again:
        many.submit(negative, 2)
    assert len(again) == 2
    assert job.result(TIMEOUT) == -1


def test_small_inputs_and_commands_travel_in_the_job(many: SubmissionEnvironment) -> None:
    with counted() as submitting:
        array = many.map_submit([Command(["echo", str(number)]) for number in range(3)])
    assert submitting.count("PUT") == 1
    assert [process.stdout for process in array.results(TIMEOUT)] == ["0\n", "1\n", "2\n"]


def test_what_is_common_is_stored_once(many: SubmissionEnvironment) -> None:
    table = bytes(1_000_000)

    def look_up(number: int) -> int:
        return table[number]

    with counted() as first:
        one = many.map_submit(look_up, range(3))
    with counted() as second:
        other = many.map_submit(look_up, range(3, 6))
    assert first.count("PUT", "/remotebatch-objects/") == 1
    assert second.count("PUT", "/remotebatch-objects/") == 0
    assert one.results(TIMEOUT) == other.results(TIMEOUT) == [0, 0, 0]
