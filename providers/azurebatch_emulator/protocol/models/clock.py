"""Times, time spans and eTags as the service writes them.

The service's eTag is its clock: the 100-nanosecond ticks of lastModified, in hexadecimal.
"""

import re
import threading
import time
from datetime import datetime, timedelta, timezone
from functools import lru_cache

TICKS_PER_SECOND = 10_000_000
UNIX_EPOCH = 621_355_968_000_000_000  # in ticks since the year 1

FOREVER = "P10675199DT2H48M5.4775807S"
"""The longest time span there is; "no limit"."""

_LONGEST = 2**63 - 1
_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?\Z"
)
_UNITS = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)

_last = 0
_lock = threading.Lock()


def _next_tick() -> int:
    global _last
    with _lock:
        _last = max(_last + 1, time.time_ns() // 100 + UNIX_EPOCH)
        return _last


def _written(ticks: int) -> str:
    seconds, fraction = divmod(ticks - UNIX_EPOCH, TICKS_PER_SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:07d}Z"


def now() -> str:
    """The present, as "2026-11-22T08:12:13.1234567Z"; no two calls give the same."""
    return _written(_next_tick())


def e_tag() -> str:
    """A fresh eTag, greater than all before it."""
    return f"0x{_next_tick():X}"


def stamp() -> tuple[str, str]:
    """A fresh eTag and the lastModified that it stands for."""
    ticks = _next_tick()
    return f"0x{ticks:X}", _written(ticks)


def time_text(moment: datetime) -> str:
    """A moment as the service writes it."""
    ticks = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1) * 10
    return _written(ticks + UNIX_EPOCH)


def moment(text: str) -> datetime:
    """Read a time in RFC 3339; one without a zone is UTC, digits below a microsecond are dropped."""
    match = re.fullmatch(r"(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?", text.upper())
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    whole, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    return datetime.fromisoformat(f"{whole}.{(fraction or '')[:6].ljust(6, '0')}{offset}")


def _ticks(duration: str) -> int:
    match = _DURATION.match(duration)
    if match is None or duration.endswith(("P", "T")):
        raise ValueError(f"{duration!r} is not a time span")
    *numbers, fraction = match.groups()
    whole = sum(int(number) * unit for number, unit in zip(numbers, _UNITS) if number)
    return whole * TICKS_PER_SECOND + int((fraction or "")[:7].ljust(7, "0"))


def normal_time(text: str) -> str:
    """A time as the service repeats it: in UTC, without the zeros at its end."""
    time = moment(text).astimezone(timezone.utc).replace(tzinfo=None)
    return (time.isoformat().rstrip("0") if time.microsecond else time.isoformat()) + "Z"


def check_times(*texts: str | None) -> None:
    """Raise ValueError for the 30th of February and its like, which the pattern lets through."""
    for text in texts:
        if text is not None:
            try:
                normal_time(text)
            except OverflowError as error:  # a zone at either end of time
                raise ValueError(f"{text!r} is not a time") from error


@lru_cache(1024)
def seconds(duration: str) -> float:
    """The length of an ISO 8601 time span; a year is 365 days, a month 30."""
    return _ticks(duration) / TICKS_PER_SECOND


def duration(length: float) -> str:
    """The ISO 8601 time span of so many seconds, to the microsecond."""
    return _span(round(length * 1_000_000) * 10)


@lru_cache(1024)
def normal(duration: str) -> str:
    """A time span as the service repeats it: "PT01H00M00S" is "PT1H", nothing is above FOREVER."""
    return _span(min(_ticks(duration), _LONGEST))


def _span(ticks: int) -> str:
    whole, fraction = divmod(ticks, TICKS_PER_SECOND)
    minutes, second = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    last = f"{second}.{fraction:07d}".rstrip("0").rstrip(".") if fraction else str(second)
    parts = ((str(hours), "H"), (str(minutes), "M"), (last, "S"))
    clock = "".join(number + unit for number, unit in parts if number != "0")
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"P{text or 'T0S'}"
