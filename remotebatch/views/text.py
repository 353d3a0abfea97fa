"""Job objects in a line of text."""

from __future__ import annotations

from remotebatch.status import Counts

Facts = list[tuple[str, str]]
"""Labels and values, in the order in which they are shown."""

_IN_A_LINE = ("status", "children", "attempts", "retries", "requeues", "reason")


def line(title: str, facts: Facts) -> str:
    """One line for a shell."""
    shown = [f"{label}={value}" for label, value in facts if label in _IN_A_LINE]
    return f"<{title}: {', '.join(shown)}>"


def more_than_none(**numbers: int) -> Facts:
    """Numbers by their labels, without those that are zero."""
    return [(label, str(number)) for label, number in numbers.items() if number]


def progress_words(counts: Counts) -> str:
    """How far an array is: "3 running, 5 succeeded"."""
    parts = {"running": counts.running, "succeeded": counts.succeeded, "failed": counts.failed}
    return ", ".join(f"{number} {word}" for word, number in parts.items() if number) or "waiting"
