"""Status colours, one place for shell, terminal and notebook."""

from __future__ import annotations

from typing import NamedTuple

from remotebatch.status import JobStatus


class Colour(NamedTuple):
    """A colour as each medium names it."""

    html: str
    terminal: str


_ENDED_WELL = Colour("#1a7f37", "green")
STATUS_COLOURS: dict[str, Colour] = {
    JobStatus.ACTIVE.value: Colour("#8a6d00", "yellow"),
    JobStatus.RUNNING.value: Colour("#0b62b8", "blue"),
    JobStatus.SUCCEEDED.value: _ENDED_WELL,
    JobStatus.COMPLETED.value: _ENDED_WELL,
    JobStatus.FAILED.value: Colour("#c62828", "red"),
}
"""Colour of each status, by its value."""
UNKNOWN = Colour("#666666", "default")


def colour_of(status: str) -> Colour:
    """The colour of a status, given by its value; grey for any other text."""
    return STATUS_COLOURS.get(status, UNKNOWN)
