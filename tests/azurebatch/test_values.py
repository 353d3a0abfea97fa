"""Azure's values and reasons, as they are written and read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from azure.batch.models import BatchJobState

from remotebatch import FailureType, JobType
from remotebatch.provider import JobRecord
from remotebatch_azurebatch.batch import ends, ids, values
from remotebatch_azurebatch.settings import AzureBatchSettings

UUID = "00000000-0000-4000-8000-000000000000"
RECORD = JobRecord(
    id=UUID,
    provider_job_id=ids.first_part(UUID),
    name="f",
    type=JobType.SINGLE,
    submitted_at=0.0,
    submitted_by="user@host",
    settings=AzureBatchSettings(sas_lifetime=60.0),
    element_count=1,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("UserError", "usererror"), (BatchJobState.COMPLETED, "completed"), ("newer", "newer"), (None, "")],
)
def test_lower_case(value: object, expected: str) -> None:
    assert values.lower(value) == expected


def test_times() -> None:
    assert values.time_of("2026-01-01T00:00:10.1234567Z") == pytest.approx(1767225610.1234567)
    assert values.time_of("2026-01-01T00:00:10Z") == 1767225610
    assert values.time_of(None) is None
    elsewhere = datetime(2026, 1, 1, 2, 0, 10, 999999, timezone(timedelta(hours=2)))
    assert values.time_text(elsewhere) == "2026-01-01T00:00:10Z"


def test_durations() -> None:
    assert values.duration(90.5) == "PT90.500S"


def test_ids_of_parts() -> None:
    first, further = ids.first_part(UUID), ids.further_part(UUID, 2)
    assert (first, further) == (f"remotebatch-{UUID}", f"remotebatch-{UUID}-2")
    assert (ids.is_first_part(first), ids.is_first_part(further)) == (True, False)
    assert ids.job_id(first) == ids.job_id(further) == UUID


def job(reason: str | None) -> dict[str, Any]:
    return {"executionInfo": {"terminateReason": reason}}


@pytest.mark.parametrize("reason", [None, "AllTasksComplete", "alltaskscomplete"])
def test_a_job_that_ended_by_itself(reason: str | None) -> None:
    assert ends.why_ended(RECORD, job(reason)) == (None, None)


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        ("MaxWallClockTimeExpiry", FailureType.ACCESS_EXPIRED, "0:01:00 after submission"),
        ("aborted by remotebatch on behalf of me@here", FailureType.ABORTED, "on behalf of me@here"),
        ("UserTerminate", FailureType.ABORTED, "not by remotebatch: UserTerminate"),
        (ends.reason_text(FailureType.SETUP_FAILED, "no node"), FailureType.SETUP_FAILED, "no node"),
    ],
)
def test_a_job_that_was_ended_from_outside(reason: str, kind: FailureType, words: str) -> None:
    found, text = ends.why_ended(RECORD, job(reason))
    assert found is kind
    assert words in str(text)


def test_a_reason_is_as_long_as_azure_takes_it() -> None:
    assert len(ends.reason_text(FailureType.SETUP_FAILED, "x" * 5000)) == 1000
