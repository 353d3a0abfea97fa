"""Why Azure Batch jobs end before their tasks have: what is written at Azure, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from remotebatch.provider import JobRecord
from remotebatch.status import FailureType
from remotebatch_azurebatch.batch import values
from remotebatch_azurebatch.settings import settings_of

_LONGEST_REASON = 1000
_BY_ITSELF = frozenset({"", "alltaskscomplete"})
_TIME_IS_OVER = "maxwallclocktimeexpiry"
"""Azure's reason for a job whose time for reading and writing blobs is over."""
_ABORTED = "aborted by remotebatch"
"""With which the library's reasons for an abort begin."""


def reason_text(kind: FailureType, reason: str) -> str:
    """The reason to give at Azure for ending a job that cannot go on; :func:`why_ended` reads it back."""
    return f"{kind}: {reason}"[:_LONGEST_REASON]


def terminate_reason(job: Mapping[str, Any]) -> str:
    """Azure's own word for why a job has ended; empty if it goes on."""
    return str((job.get("executionInfo") or {}).get("terminateReason") or "")


def why_ended(record: JobRecord, job: Mapping[str, Any]) -> tuple[FailureType | None, str | None]:
    """Why an Azure job was ended from outside; None if it ended by itself."""
    reason = terminate_reason(job)
    if values.lower(reason) in _BY_ITSELF:
        return None, None
    if values.lower(reason) == _TIME_IS_OVER:
        return FailureType.ACCESS_EXPIRED, access_expired(record)
    kind, colon, rest = reason.partition(": ")
    if colon and kind in {failure.value for failure in FailureType}:
        return FailureType(kind), rest
    if reason.startswith(_ABORTED):
        return FailureType.ABORTED, reason
    return FailureType.ABORTED, f"the job was ended at Azure, not by remotebatch: {reason}"


def access_expired(record: JobRecord) -> str:
    """The reason of what failed because its time for reading and writing blobs was over."""
    lifetime = timedelta(seconds=settings_of(record).sas_lifetime_seconds)
    return (
        f"its access to storage expired, {lifetime} after submission (sas_lifetime): "
        "retry() gives it new access; a longer sas_lifetime lasts longer"
    )
