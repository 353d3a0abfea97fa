"""Requests that ask about a job, or retry it, and fail for a moment: the answer is right all the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remotebatch import ArrayJob, Command, SubmissionEnvironment
from tests.azurebatch.faults.conftest import Services
from tests.azurebatch.faults.test_fault_requests import Kind, assert_all_happened, order

TIMEOUT = 60.0
Question = Callable[[SubmissionEnvironment, ArrayJob[Any], Path], Any]
QUESTIONS: dict[str, tuple[Kind, Question, Any]] = {
    "a job": (
        Kind("batch", "GET", r"^/jobs/[^/?]+\?"),
        lambda remote, array, _: remote.job(array.id) == array,
        True,
    ),
    "all jobs": (
        Kind("batch", "GET", r"^/jobs\?"),
        lambda remote, array, _: array.id in [job.id for job in remote.jobs()],
        True,
    ),
    "a log": (Kind("blobs", "GET", "TaskLog"), lambda _, array, __: array[0].log(), "spoken\n"),
    "output files": (
        Kind("blobs", "GET", "comp=list"),
        lambda _, array, __: [file.name for file in array[0].output_files()],
        ["kept.txt"],
    ),
    "a download": (
        Kind("blobs", "GET", "TaskOutput/kept"),
        lambda _, array, to: array[0].download(to)[0].read_text(),
        "kept\n",
    ),
}


@pytest.fixture
def ended(remote: SubmissionEnvironment) -> ArrayJob[Any]:
    """An array of one child, which has failed and left everything that a task can."""
    script = "echo spoken; echo kept > JobOutput/kept.txt; exit 3"
    return remote.map_submit([Command(["sh", "-c", script])]).wait(TIMEOUT)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_that_fails_in_each_way(
    remote: SubmissionEnvironment, services: Services, ended: ArrayJob[Any], tmp_path: Path, name: str
) -> None:
    kind, ask, answer = QUESTIONS[name]
    order(services, kind)
    assert ask(remote, ended, tmp_path) == answer
    assert_all_happened(services)


def test_a_retry_whose_requests_fail_in_each_way(
    remote: SubmissionEnvironment, services: Services, ended: ArrayJob[Any]
) -> None:
    clearing, making = Kind("blobs", "POST", "comp=batch"), Kind("batch", "POST", r"^/jobs\?")
    for kind in (clearing, making):
        order(services, kind)
    ended.retry().wait(TIMEOUT)
    assert_all_happened(services)
    assert (ended[0].attempts, ended[0].exit_code) == (2, 3)
