"""Conditional headers: whether a request is still wanted, given the resource's eTag and last change."""

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.common import moment

_UNCHANGED = "The condition specified in the conditional header(s) was not met for a read operation."


def check_conditions(
    method: str, headers: Mapping[str, str], *, last_modified: str, e_tag: str | None = None
) -> None:
    """Check the headers, by their names in lower case; a file has no eTag, so only its time counts.

    :raises BatchServiceError: ConditionNotMet, with status 304 if a reader has the resource already; or
        InvalidHeaderValue.
    """
    if (wanted := headers.get("if-match")) is not None:
        if not _matches(wanted, e_tag):
            raise BatchServiceError("ConditionNotMet")
    elif (limit := _time(headers, "if-unmodified-since")) is not None and _second(last_modified) > limit:
        raise BatchServiceError("ConditionNotMet")
    if (unwanted := headers.get("if-none-match")) is not None:
        if _matches(unwanted, e_tag):
            raise _unchanged(method)
    elif (known := _time(headers, "if-modified-since")) is not None and _second(last_modified) <= known:
        raise _unchanged(method)


def http_date(text: str) -> datetime:
    """Read the time of a header, as RFC 9110 and its forerunners have it.

    :raises ValueError: if it is not a time.
    """
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a time") from error
    return date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)


def _matches(tags: str, e_tag: str | None) -> bool:
    """Whether a header names the eTag; clients send it with and without quotes."""
    named = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
    return "*" in named or e_tag in named


def _second(time: str) -> datetime:
    """The second of a time of ours; headers know nothing finer."""
    return moment(time).replace(microsecond=0)


def _time(headers: Mapping[str, str], name: str) -> datetime | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        return http_date(text)
    except ValueError as error:
        raise BatchServiceError("InvalidHeaderValue", HeaderName=name, HeaderValue=text) from error


def _unchanged(method: str) -> BatchServiceError:
    if method in ("GET", "HEAD"):
        return BatchServiceError("ConditionNotMet", _UNCHANGED, status=304)
    return BatchServiceError("ConditionNotMet")
