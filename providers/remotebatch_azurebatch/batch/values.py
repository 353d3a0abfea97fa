"""How Azure writes values, and how they are read here: states and codes, times, durations, pages."""

from __future__ import annotations

from datetime import datetime, timezone

PAGE = 1000
"""Entries of a list that one request asks for; Azure returns no more at a time."""
LONGEST_DURATION = "P10675199DT2H48M5.4775807S"
"""The longest time span that Azure knows: for ever."""


def lower(value: object) -> str:
    """A state, code or member of an enumeration in lower case; empty for none.

    Azure's spelling differs between services and versions. Of an enumeration, Microsoft's client leaves a
    value that it does not know as it came.
    """
    return str(getattr(value, "value", value) or "").lower()


def duration(seconds: float) -> str:
    """A time span as Azure writes it: ISO 8601."""
    return f"PT{seconds:.3f}S"


def time_text(when: datetime) -> str:
    """A time as Azure's filters take it, by the second."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_of(text: str | None) -> float | None:
    """Azure's time as seconds since the epoch; None for none."""
    if not text:
        return None
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
