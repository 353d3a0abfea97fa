"""The Azure Batch jobs that a submission is made of, and which of its tasks each has."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from remotebatch_azurebatch.batch import ids


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Tasks one after the other that have been tried equally often."""

    start: int
    stop: int
    attempts: int = 0
    """Attempts that they had in earlier parts."""


class Part(msgspec.Struct, frozen=True):
    """One Azure Batch job of a submission. Where a task is in several, the latest counts."""

    number: int
    """From 1, in the order of their making."""
    spans: list[Span]
    expires: float | None = None
    """When its nodes may no longer read and write its blobs, in seconds since the epoch; None for never."""

    @property
    def count(self) -> int:
        """How many tasks it has."""
        return sum(span.stop - span.start for span in self.spans)

    @property
    def first(self) -> int:
        """Index of its first task."""
        return self.spans[0].start

    def indices(self) -> Iterator[int]:
        """Indices of all its tasks, the first one first."""
        for span in self.spans:
            yield from range(span.start, span.stop)

    def has(self, index: int) -> bool:
        """Whether it has a task of that index."""
        return any(span.start <= index < span.stop for span in self.spans)

    def attempts(self) -> dict[int, int]:
        """For each of its tasks, how many attempts it had in earlier parts."""
        return {index: span.attempts for span in self.spans for index in range(span.start, span.stop)}

    def attempts_of(self, index: int) -> int:
        """How many attempts one of its tasks had in earlier parts."""
        return self.spans[bisect_right(self.spans, index, key=attrgetter("start")) - 1].attempts

    def azure_id(self, job_id: str) -> str:
        """Id of the Azure Batch job."""
        return ids.first_part(job_id) if self.number == 1 else ids.further_part(job_id, self.number)


class PlacedPart(NamedTuple):
    """A part, and the pool that its Azure job runs on."""

    part: Part
    pool_id: str


def latest(parts: Sequence[PlacedPart], index: int) -> PlacedPart:
    """The part that a task of a submission belongs to now."""
    return next((placed for placed in reversed(parts) if placed.part.has(index)), parts[0])


def part_of(number: int, attempts: Mapping[int, int]) -> Part:
    """A part with the tasks of those indices, in their order.

    :param attempts: index → attempts that the task had in earlier parts.
    """
    return Part(number, list(_spans(sorted(attempts.items()))))


def _spans(tasks: Iterable[tuple[int, int]]) -> Iterator[Span]:
    current: Span | None = None
    for index, attempts in tasks:
        if current is not None and index == current.stop and attempts == current.attempts:
            current = Span(current.start, index + 1, attempts)
            continue
        if current is not None:
            yield current
        current = Span(index, index + 1, attempts)
    if current is not None:
        yield current
