"""From Azure's words for how a task ended to ours."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

import pytest

from remotebatch import FailureType, JobStatus, JobType
from remotebatch.provider import JobRecord, TaskRecord
from remotebatch_azurebatch.settings import AzureBatchSettings
from remotebatch_azurebatch.tracking import outcome, submission_watch

NOW = "2026-01-01T00:00:10.1234567Z"


def record(function: str | None = "f", **settings: Any) -> JobRecord:
    return JobRecord(
        id="i",
        provider_job_id="remotebatch-i",
        name="n",
        type=JobType.SINGLE,
        submitted_at=0.0,
        submitted_by="me@here",
        settings=AzureBatchSettings(sas_lifetime=60.0, **settings),
        element_count=1,
        function=function,
    )


def ended(job: JobRecord, expires: float | None = None, **info: Any) -> TaskRecord:
    times = {"startTime": "2026-01-01T00:00:00Z", "endTime": NOW}
    task = {"state": "completed", "executionInfo": times | info}
    return outcome.task_record(job, 0, 0, task, expires)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("BlobAccessDenied", FailureType.INPUT_UNAVAILABLE),
        ("BlobNotFound", FailureType.INPUT_UNAVAILABLE),
        ("ResourceFileWriteFailed", FailureType.INPUT_UNAVAILABLE),
        ("ContainerInvalidImage", FailureType.IMAGE_UNAVAILABLE),
        ("ContainerInvalidRegistry", FailureType.IMAGE_UNAVAILABLE),
        ("ContainerInvalidSettings", FailureType.SETUP_FAILED),
        ("DiskFull", FailureType.SETUP_FAILED),
        ("FileUploadAccessDenied", FailureType.UPLOAD_FAILED),
        ("FileUploadMiscError", FailureType.UPLOAD_FAILED),
        ("TaskLost", FailureType.NODE_LOST),
        ("NodePreempted", FailureType.PREEMPTED),
        ("SomethingNew", FailureType.SETUP_FAILED),
    ],
)
@pytest.mark.parametrize("change", [str, str.lower], ids=["as Azure writes it", "in lower case"])
def test_codes(code: str, expected: FailureType, change: Any) -> None:
    failure = {"category": change("UserError"), "code": change(code), "message": "so it is"}
    found = ended(record(), result=change("Failure"), failureInfo=failure)
    assert (found.status, found.failure_type) == (JobStatus.FAILED, expected)
    assert "so it is" in str(found.reason)


@pytest.mark.parametrize("code", ["BlobAccessDenied", "FileUploadAccessDenied"])
def test_denied_once_access_is_over(code: str) -> None:
    failure = {"code": code, "message": "denied"}
    assert ended(record(), expires=1.0, failureInfo=failure).failure_type is FailureType.ACCESS_EXPIRED
    late = time.time() + 3600
    assert ended(record(), expires=late, failureInfo=failure).failure_type is not FailureType.ACCESS_EXPIRED


def test_a_time_limit_is_known_without_words_for_it() -> None:
    failure = {"code": "TaskEnded", "message": "Task Was Ended by User Request"}
    assert ended(record(time_constraint=10.0), failureInfo=failure).failure_type is FailureType.TIMED_OUT
    early = ended(record(time_constraint=60.0), failureInfo=failure)
    assert early.failure_type is None  # who ended it is asked later


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (3, "the command ended with exit code 3"),
        (127, "the command ended with exit code 127: the command's program was not found"),
        (139, "the command ended with exit code 139: killed by SIGSEGV"),
    ],
)
def test_commands(code: int, reason: str) -> None:
    found = ended(record(None), exitCode=code, failureInfo={"code": "FailureExitCode", "message": ""})
    assert (found.failure_type, found.reason) == (FailureType.NON_ZERO_EXIT, reason)


def test_polls_grow_rarer() -> None:
    job, client = record(), mock.Mock()
    watched: Any = submission_watch.SubmissionWatch(client, job, None, lambda *_: None)
    pauses = []
    for age in (0, 60, 1000):
        watched._watched_since = time.monotonic() - age
        pauses.append(round(watched._pause(), 1))
    assert pauses == [0.2, 3.0, 15.0]
    settled: Any = submission_watch.SubmissionWatch(client, job, 7.0, lambda *_: None)
    assert settled._pause() == 7.0
