"""When the jobs of a schedule are due."""

from __future__ import annotations

import datetime as dt

import pytest

from azurebatch_emulator.state.recurrence import Recurrence

MINUTE = dt.timedelta(minutes=1)
START = dt.datetime(2030, 1, 1, tzinfo=dt.timezone.utc)


def minutes(number: float) -> dt.datetime:
    return START + number * MINUTE


@pytest.mark.parametrize(
    ("interval", "window", "last", "present", "served", "due"),
    [
        pytest.param(None, None, None, -5, None, 0, id="once, before its time"),
        pytest.param(None, None, None, 500, None, 0, id="once, at any time after"),
        pytest.param(None, None, None, 500, 400, None, id="once, and no more"),
        pytest.param(None, 10, None, 10, None, 0, id="once, at the window's end"),
        pytest.param(None, 10, None, 11, None, None, id="once, after the window"),
        pytest.param(60, None, None, 59, None, 0, id="first time still open"),
        pytest.param(60, None, None, 61, None, 60, id="second time, the first is not carried forward"),
        pytest.param(60, None, None, 0, 0, 60, id="one interval after the first"),
        pytest.param(60, None, None, 150, 20, 120, id="a time that has come while a job ran"),
        pytest.param(60, 10, None, 131, 20, 180, id="too late for the window"),
        pytest.param(60, 10, None, 129, 20, 120, id="not too late for the window"),
        pytest.param(60, 600, None, 150, 20, 120, id="a window longer than the interval"),
        pytest.param(60, None, 150, 120, 120, None, id="the next one would be too late"),
        pytest.param(60, None, 150, 151, 20, None, id="too late for the one that is open"),
        pytest.param(None, None, 150, 151, None, None, id="once, too late"),
    ],
)
def test_next_job_is_due(
    interval: float | None,
    window: float | None,
    last: float | None,
    present: float,
    served: float | None,
    due: float | None,
) -> None:
    recurrence = Recurrence(
        first=START,
        interval=None if interval is None else interval * MINUTE,
        window=None if window is None else window * MINUTE,
        last=None if last is None else minutes(last),
    )
    told = recurrence.due(minutes(present), None if served is None else minutes(served))
    assert told == (None if due is None else minutes(due))
