"""Jobs in words: a line of the list, and the short form of a job's properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from remotebatch.cli.show import moment, moment_text
from remotebatch.errors import JobNotFound
from remotebatch.jobs.prefetch import ahead
from remotebatch.provider import Counts, JobListing, JobRecord, Provider
from remotebatch.status import JobStatus, JobType

_TIMES = ("started_at", "ended_at")


def with_counts(provider: Provider, listings: Sequence[JobListing]) -> list[tuple[JobRecord, Counts]]:
    """Jobs of the provider's list with their counts, asked for side by side where the list has none.

    A job that was deleted meanwhile is left out.
    """
    uncounted = [listing.record for listing in listings if listing.counts is None]
    answers = ahead(partial(_counts_if_there, provider), uncounted)
    asked = {record.id: counts for record, counts in zip(uncounted, answers)}
    found = [(listing.record, listing.counts or asked[listing.record.id]) for listing in listings]
    return [(record, counts) for record, counts in found if counts is not None]


def _counts_if_there(provider: Provider, record: JobRecord) -> Counts | None:
    try:
        return provider.counts(record)
    except JobNotFound:
        return None


def listing_status(record: JobRecord, counts: Counts) -> JobStatus:
    """Status of a job in the provider's list."""
    if record.type is JobType.ARRAY:
        return JobStatus.COMPLETED if counts.finished == record.task_count else JobStatus.ACTIVE
    if counts.failed:
        return JobStatus.FAILED
    if counts.succeeded:
        return JobStatus.SUCCEEDED
    return JobStatus.RUNNING if counts.running else JobStatus.ACTIVE


def listing_row(record: JobRecord, counts: Counts, id_length: int | None) -> list[str]:
    """Id, name, type, status and time of submission."""
    array = record.type is JobType.ARRAY
    status = _progress(counts, record.task_count) if array else str(listing_status(record, counts))
    submitted = moment_text(moment(record.submitted_at)) or ""
    return [record.id[:id_length], record.name, str(record.type), status, submitted]


def listing_json(record: JobRecord, counts: Counts) -> dict[str, Any]:
    """All that the provider's list has of a job."""
    return {
        "id": record.id,
        "name": record.name,
        "type": record.type,
        "status": listing_status(record, counts),
        "counts": counts,
        "submitted_at": moment(record.submitted_at),
        "submitted_by": record.submitted_by,
        "provider_job_id": record.provider_job_id,
    }


def properties_json(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A job's properties, with all times as dates."""
    return {name: _dated(value) if name in _TIMES else value for name, value in properties.items()}


def properties_facts(properties: Mapping[str, Any], provider: Provider) -> dict[str, str | None]:
    """A job's properties in short form, without those that say nothing."""
    found = properties_json(properties)
    submitted = f"{moment_text(found['submitted_at'])} by {found['submitted_by']}"
    return {
        "id": found["id"],
        "name": found["name"],
        "type": str(found["type"]),
        "provider": found["provider"],
        "status": str(found["status"]),
        "children": _counts(found["counts"]) if "counts" in found else None,
        "reason": found["status_reason"],
        "failure": _text(found.get("failure_type")),
        "exit code": _text(found.get("exit_code")),
        "attempts": _text(found.get("attempts")),
        "requeues": _text(found.get("requeues") or None),
        "call": found.get("input_string"),
        "submitted": submitted,
        "started": moment_text(found.get("started_at")),
        "ended": moment_text(found.get("ended_at")),
        "wall time": _seconds(found.get("absolute_timing")),
        "CPU time": _seconds(found.get("timing")),
        "warnings": _text(len(found.get("warnings", [])) or None),
        "output files": ", ".join(found.get("output_files", [])),
        "settings": _changed_settings(found["settings"], provider),
    }


def failed_children(properties: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Index, exit code and reason of each failed child of an array."""
    children = zip(
        properties["child_statuses"], properties["child_exit_codes"], properties["child_status_reasons"]
    )
    return [
        (str(index), _text(exit_code) or "-", reason or "-")
        for index, (status, exit_code, reason) in enumerate(children)
        if status is JobStatus.FAILED
    ]


def _progress(counts: Counts, total: int) -> str:
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{counts.succeeded}/{total}{failed}"


def _counts(counts: Counts) -> str:
    return (
        f"{counts.total}: {counts.succeeded} succeeded, {counts.failed} failed, "
        f"{counts.running} running, {counts.active} active"
    )


def _changed_settings(settings: Mapping[str, Any], provider: Provider) -> str:
    defaults = provider.settings_type()
    changed = [
        # of an environment the names only: its values may be secret
        f"{name}={', '.join(value) if isinstance(value, Mapping) else value}"
        for name, value in settings.items()
        if value != getattr(defaults, name, None)
    ]
    return "; ".join(changed)


def _dated(value: float | datetime | None) -> datetime | None:
    return value if isinstance(value, datetime) else moment(value)


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g} s"


def _text(value: object) -> str | None:
    return None if value is None else str(value)
