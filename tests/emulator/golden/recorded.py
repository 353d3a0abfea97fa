"""How an answer of the real service is noted: what is always the same literally, the rest by kind."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

JSON = "application/json; odata=minimalmetadata"
LONGEST = "P10675199DT2H48M5.4775807S"
"""What the service shows as the wall-clock limit where none was given."""


class Kind(Enum):
    """A value that differs from time to time; its pattern holds for the text of it."""

    TEXT = re.compile(r"(?s).*")
    TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
    ETAG = re.compile(r"0x[0-9A-F]{15}")
    DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
    SIZE = re.compile(r"\d+")
    INTEGER = int
    NUMBER = float
    BOOLEAN = bool


TEXT, TIME, ETAG, INTEGER = Kind.TEXT, Kind.TIME, Kind.ETAG, Kind.INTEGER

Body = dict[str, Any]
"""A JSON object as it was recorded.

Texts may hold the names of the replay, as in "{endpoint}/jobs/{job}". A key that ends in "?" was not in every
item. A list of one is a pattern for all items, of which there is at least one; the items of a longer list may
come in any order.
"""


@dataclass(frozen=True)
class Answer:
    """One outcome of one operation, the same in all the recordings named."""

    operation: str
    sources: tuple[str, ...]
    status: int
    headers: dict[str, str | Kind]
    body: Body | str | None = field(repr=False)


def answer(
    operation: str,
    sources: str,
    status: int = 200,
    body: Body | str | None = None,
    /,
    **headers: str | Kind,
) -> Answer:
    """An answer; `sources` are parted by commas, and underscores in the headers' names stand for dashes."""
    if isinstance(body, dict):
        headers.setdefault("content_type", JSON)
    return Answer(
        operation,
        tuple(source.strip() for source in sources.split(",")),
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
        body,
    )


def metadata(name: str) -> Body:
    """The first member of every JSON body."""
    return {"odata.metadata": "{endpoint}/$metadata#" + name}


def read(operation: str, sources: str, kind: str, body: Body) -> Answer:
    """One resource that has an ETag."""
    whole = metadata(f"{kind}/@Element") | body
    return answer(operation, sources, 200, whole, etag=ETAG, last_modified=Kind.DATE)


def listed(operation: str, sources: str, kind: str, *items: Body, **more: Any) -> Answer:
    """A list of resources."""
    return answer(operation, sources, 200, metadata(kind) | {"value": list(items)} | more)


def done(operation: str, sources: str, status: int, path: str) -> Answer:
    """A change to a resource with an ETag; the path is the request's."""
    return answer(
        operation, sources, status, dataserviceid="{endpoint}" + path, etag=ETAG, last_modified=Kind.DATE
    )


def created(operation: str, sources: str, path: str) -> Answer:
    """A new resource with an ETag."""
    return answer(
        operation,
        sources,
        201,
        dataserviceid="{endpoint}" + path,
        location="{endpoint}" + path,
        etag=ETAG,
        last_modified=Kind.DATE,
    )


def refused(
    operation: str, sources: str, status: int, code: str, message: str, **values: str | Kind
) -> Answer:
    """An error in the service's own shape."""
    body = metadata("Microsoft.Azure.Batch.Protocol.Entities.Container.errors/@Element") | {
        "code": code,
        "message": {"lang": "en-US", "value": message + "\nRequestId:{uuid}\nTime:{time}"},
    }
    if values:
        body["values"] = [{"key": key, "value": value} for key, value in values.items()]
    return answer(operation, sources, status, body)
