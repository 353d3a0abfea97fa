"""When the jobs of a schedule are due: a grid of times, each open for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from azurebatch_emulator.protocol.models.common import moment, seconds
from azurebatch_emulator.protocol.models.schedules import Schedule


@dataclass(frozen=True)
class Recurrence:
    """The times of one schedule. Without an interval there is but one."""

    first: datetime
    interval: timedelta | None
    window: timedelta | None
    """How late a job may be made; None for any time, though never later than the next one is due."""
    last: datetime | None
    """After it no job is made."""

    @classmethod
    def of(cls, schedule: Schedule, creation_time: str) -> Recurrence:
        """Read a schedule, whose times count from its creation unless it says otherwise."""
        return cls(
            first=moment(schedule.do_not_run_until or creation_time),
            interval=_span(schedule.recurrence_interval),
            window=_span(schedule.start_window),
            last=None if schedule.do_not_run_after is None else moment(schedule.do_not_run_after),
        )

    def due(self, present: datetime, served: datetime | None) -> datetime | None:
        """When the next job is to be made, which may have been a while ago; None if never again.

        :param served: when the job before it was made.
        """
        newest = self._newest(present)
        if newest is None:
            due: datetime | None = self.first
        elif self._is_open(newest, present) and (served is None or served < newest):
            due = newest
        else:
            due = self._after(newest)
        return None if due is None or self._is_too_late(max(due, present)) else due

    def _newest(self, present: datetime) -> datetime | None:
        """The last time there has been."""
        if present < self.first:
            return None
        if self.interval is None:
            return self.first
        return self.first + (present - self.first) // self.interval * self.interval

    def _after(self, time: datetime) -> datetime | None:
        try:
            return None if self.interval is None else time + self.interval
        except OverflowError:
            return None

    def _is_open(self, time: datetime, present: datetime) -> bool:
        return self.window is None or present - time <= self.window

    def _is_too_late(self, time: datetime) -> bool:
        return self.last is not None and time > self.last


def _span(duration: str | None) -> timedelta | None:
    if duration is None:
        return None
    return timedelta(seconds=min(seconds(duration), timedelta.max.total_seconds()))
