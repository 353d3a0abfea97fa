"""Job objects in a notebook."""

from __future__ import annotations

import html

from remotebatch.status import Counts, JobStatus
from remotebatch.views.colours import STATUS_COLOURS, colour_of
from remotebatch.views.text import Facts, progress_words


def card(title: str, facts: Facts) -> str:
    """A small table."""
    rows = []
    for label, value in facts:
        style = ""
        if label == "status":
            style = f' style="color:{colour_of(value.split()[0]).html};font-weight:600"'
        rows.append(
            f'<tr><th style="text-align:left">{label}</th>'
            f'<td style="text-align:left"{style}>{html.escape(value)}</td></tr>'
        )
    return (
        '<div style="display:inline-block;border:1px solid #8884;border-radius:6px;padding:.5em 1em">'
        f"<b>{html.escape(title)}</b><table>{''.join(rows)}</table></div>"
    )


def bar(name: str, counts: Counts) -> str:
    """A bar of an array's progress."""

    def part(status: JobStatus, number: int) -> str:
        width = 100 * number / max(1, counts.total)
        return f'<div style="width:{width:.2f}%;background:{STATUS_COLOURS[status.value].html}"></div>'

    return (
        f"<div><b>{html.escape(name)}</b> {counts.finished}/{counts.total} {progress_words(counts)}"
        '<div style="display:flex;height:12px;max-width:480px;background:#8883;border-radius:6px;'
        f'overflow:hidden">{part(JobStatus.SUCCEEDED, counts.succeeded)}'
        f"{part(JobStatus.FAILED, counts.failed)}{part(JobStatus.RUNNING, counts.running)}</div></div>"
    )
