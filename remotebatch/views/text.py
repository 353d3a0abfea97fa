"""How job objects look in a shell and in a notebook."""

from __future__ import annotations

import html

Facts = list[tuple[str, str]]
"""Labels and values, in the order in which they are shown."""

_IN_A_LINE = ("status", "children", "attempts", "retries", "requeues", "reason")
_COLOURS = {
    "Active": "#8a6d00",
    "Running": "#0b62b8",
    "Succeeded": "#1a7f37",
    "Completed": "#1a7f37",
    "Failed": "#c62828",
    "unknown": "#666666",
}


def line(title: str, facts: Facts) -> str:
    """One line for a shell."""
    shown = [f"{label}={value}" for label, value in facts if label in _IN_A_LINE]
    return f"<{title}: {', '.join(shown)}>"


def more_than_none(**numbers: int) -> Facts:
    """Numbers by their labels, without those that are zero."""
    return [(label, str(number)) for label, number in numbers.items() if number]


def card(title: str, facts: Facts) -> str:
    """A small table for a notebook."""
    rows = []
    for label, value in facts:
        style = ""
        if label == "status":
            style = f' style="color:{_COLOURS[value.split()[0]]};font-weight:600"'
        rows.append(
            f'<tr><th style="text-align:left">{label}</th>'
            f'<td style="text-align:left"{style}>{html.escape(value)}</td></tr>'
        )
    return (
        '<div style="display:inline-block;border:1px solid #8884;border-radius:6px;padding:.5em 1em">'
        f"<b>{html.escape(title)}</b><table>{''.join(rows)}</table></div>"
    )
