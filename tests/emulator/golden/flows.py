"""The form of a replay: requests in an order, each with the answer that the real service gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.emulator.golden.recorded import Answer


@dataclass(frozen=True)
class Step:
    """A request and what may come back.

    Names in braces are filled in, in all its texts. Where the service passes through states on its own,
    several answers are right, and `until` (a place in the body, the value awaited) repeats the request.
    """

    method: str
    path: str
    answers: tuple[Answer, ...]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    until: tuple[str, object] | None = None
    keep: tuple[str, str] | None = None
    """A name for later steps, and where its value is in the body."""
    account: str | None = None

    def wait(self, place: str, value: object) -> Step:
        """The same request, repeated until this place of its answer has this value."""
        return replace(self, until=(place, value))

    def naming(self, name: str, place: str) -> Step:
        """The same request, whose answer names something for later steps."""
        return replace(self, keep=(name, place))


@dataclass(frozen=True)
class Flow:
    """Requests that follow each other, under ids of their own."""

    name: str
    steps: tuple[Step, ...]
    refusable: str = ""
    """Why the emulator may answer 501 to one of them; the rest of the flow then has no meaning."""


def flow(name: str, *steps: Step, refusable: str = "") -> Flow:
    """A flow of these steps."""
    return Flow(name, steps, refusable)


def get(path: str, *answers: Answer, **query: str) -> Step:
    """A GET. `filter` and `select` are the query parameters `$filter` and `$select`."""
    named = {"$" + name if name in ("filter", "select") else name: value for name, value in query.items()}
    return Step("GET", path, answers, query=named)


def head(path: str, *answers: Answer) -> Step:
    """A HEAD."""
    return Step("HEAD", path, answers)


def post(path: str, *answers: Answer, body: Any = None, **query: str) -> Step:
    """A POST."""
    return Step("POST", path, answers, body, query)


def put(path: str, *answers: Answer, body: Any, headers: Mapping[str, str] | None = None) -> Step:
    """A PUT."""
    return Step("PUT", path, answers, body, headers=headers or {})


def patch(path: str, *answers: Answer, body: Any) -> Step:
    """A PATCH."""
    return Step("PATCH", path, answers, body)


def delete(path: str, *answers: Answer, **query: str) -> Step:
    """A DELETE."""
    return Step("DELETE", path, answers, query=query)
