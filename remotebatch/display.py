"""How job objects look in a shell and in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from remotebatch.errors import ProviderError
from remotebatch.status import JobStatus

if TYPE_CHECKING:
    from remotebatch.job import Job

_COLOURS = {
    "Active": "#8a6d00",
    "Running": "#0b62b8",
    "Succeeded": "#1a7f37",
    "Completed": "#1a7f37",
    "Failed": "#c62828",
    "unknown": "#666666",
}


def line(job: Job) -> str:
    """One line for a shell."""
    parts = [f"{label}={value}" for label, value in _facts(job) if label in ("status", "children", "reason")]
    return f"<{type(job).__name__} {job.name!r} {job.id} at {job.provider}: {', '.join(parts)}>"


def card(job: Job) -> str:
    """A small table for a notebook."""
    rows = []
    for label, value in _facts(job):
        style = ""
        if label == "status":
            style = f' style="color:{_COLOURS[value.split()[0]]};font-weight:600"'
        rows.append(
            f'<tr><th style="text-align:left">{label}</th>'
            f'<td style="text-align:left"{style}>{html.escape(value)}</td></tr>'
        )
    return (
        '<div style="display:inline-block;border:1px solid #8884;border-radius:6px;padding:.5em 1em">'
        f"<b>{type(job).__name__}</b> {html.escape(job.name)}<table>{''.join(rows)}</table></div>"
    )


def _facts(job: Job) -> list[tuple[str, str]]:
    from remotebatch.array_job import ArrayJob  # it imports this module through its base class

    facts = [("id", job.id), ("provider", job.provider)]
    try:
        facts.append(("status", str(job.status)))
        if isinstance(job, ArrayJob):
            counts = job.counts
            facts.append(
                (
                    "children",
                    f"{counts.active} active, {counts.running} running, "
                    f"{counts.succeeded} succeeded, {counts.failed} failed",
                )
            )
        if job.status is not JobStatus.SUCCEEDED and job.status_reason:
            facts.append(("reason", job.status_reason))
    except ProviderError as error:
        facts.append(("status", f"unknown ({error})"))
    facts.append(("submitted", f"{job.submitted_at:%Y-%m-%d %H:%M:%S} UTC"))
    return facts
