"""What an answer of the emulator has differently from the recorded one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.emulator.golden.recorded import Answer, Kind

_COMPARED_HEADERS = re.compile(r"content-type|dataserviceid|etag|last-modified|location|ocp-.*")
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAMES = ("name", "id", "poolId", "key")
_PLACEHOLDER = re.compile(r"\\\{(quoted_)?(\w+)\\\}")


@dataclass(frozen=True)
class Difference:
    """Something at a place of an answer that is not as it was recorded."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


def compare(expected: Answer, response: httpx.Response, names: Mapping[str, str]) -> list[Difference]:
    """All differences between a response and a recorded answer, in which `names` are filled in."""
    comparison = _Comparison(names)
    found = []
    if response.status_code != expected.status:
        found.append(Difference("status", f"{response.status_code} instead of {expected.status}"))
    found += comparison.headers(expected.headers, response.headers)
    if isinstance(expected.body, dict) and response.headers.get("content-type", "").startswith(
        "application/json"
    ):
        found += comparison.object(expected.body, response.json(), "")
    elif not isinstance(expected.body, dict) and response.text != (expected.body or ""):
        found.append(Difference("body", f"{response.text!r} instead of {expected.body!r}"))
    return found


class _Comparison:
    def __init__(self, names: Mapping[str, str]) -> None:
        self._patterns = {"uuid": _UUID, "time": Kind.TIME.value.pattern}
        for name, value in names.items():
            self._patterns[name] = re.escape(value)
            self._patterns["quoted_" + name] = re.escape(quote(value, safe=""))

    def headers(self, expected: Mapping[str, str | Kind], actual: Mapping[str, str]) -> Iterator[Difference]:
        present = {name.lower(): value for name, value in actual.items()}
        for name in ("request-id", "dataserviceversion"):
            if name not in present:
                yield Difference(name, "missing")
        for name in sorted({name for name in present if _COMPARED_HEADERS.fullmatch(name)} | set(expected)):
            if name not in expected:
                yield Difference(name, f"{present[name]!r} was not recorded")
            elif name not in present:
                yield Difference(name, "missing")
            else:
                yield from self.value(expected[name], present[name], name)

    def object(self, expected: Mapping[str, Any], actual: Any, place: str) -> Iterator[Difference]:
        if not isinstance(actual, dict):
            yield Difference(place, f"{actual!r} instead of an object")
            return
        known = {key.removesuffix("?"): (value, key.endswith("?")) for key, value in expected.items()}
        for key in sorted(known.keys() | actual.keys()):
            inner = f"{place}.{key}".lstrip(".")
            if key not in known:
                yield Difference(inner, f"{actual[key]!r} was not recorded")
            elif key in actual:
                yield from self.value(known[key][0], actual[key], inner)
            elif not known[key][1]:
                yield Difference(inner, "missing")

    def items(self, expected: list[Any], actual: Any, place: str) -> Iterator[Difference]:
        if not isinstance(actual, list):
            yield Difference(place, f"{actual!r} instead of a list")
        elif len(expected) == 1 and actual:
            for index, item in enumerate(actual):
                yield from self.value(expected[0], item, f"{place}.{index}")
        else:
            left = list(actual)
            for item in expected:
                # Each takes the one of its name or else the one most like it, whatever the order.
                label = f"{place}.{_label(item)}"
                found = [
                    (self._called_alike(item, other), list(self.value(item, other, label)), index)
                    for index, other in enumerate(left)
                ]
                alike = [entry for entry in found if entry[0]] or [
                    entry for entry in found if entry[0] is None
                ]
                if alike:
                    _, differences, index = min(alike, key=lambda entry: len(entry[1]))
                    yield from differences
                    del left[index]
                else:
                    yield Difference(label, "missing")
            for item in left:
                yield Difference(f"{place}.{_label(item)}", f"{item!r} was not recorded")

    def _called_alike(self, expected: Any, actual: Any) -> bool | None:
        """Whether both items have the same name; None if they have none."""
        if not isinstance(expected, dict) or not isinstance(actual, dict):
            return None
        name = next((name for name in _NAMES if name in expected), None)
        return None if name is None else self._matches(expected[name], actual.get(name))

    def value(self, expected: Any, actual: Any, place: str) -> Iterator[Difference]:
        if isinstance(expected, dict):
            yield from self.object(expected, actual, place)
        elif isinstance(expected, list):
            yield from self.items(expected, actual, place)
        elif not self._matches(expected, actual):
            shown = expected.name.lower() if isinstance(expected, Kind) else repr(expected)
            yield Difference(place, f"{actual!r} instead of {shown}")

    def _matches(self, expected: Any, actual: Any) -> bool:
        if isinstance(expected, Kind) and isinstance(expected.value, re.Pattern):
            return isinstance(actual, str) and expected.value.fullmatch(actual) is not None
        if expected is Kind.NUMBER:
            return type(actual) in (int, float)
        if isinstance(expected, Kind):
            return type(actual) is expected.value
        if isinstance(expected, str) and isinstance(actual, str):
            pattern = _PLACEHOLDER.sub(
                lambda found: self._patterns.get((found[1] or "") + found[2], r"[^/]+"), re.escape(expected)
            )
            return re.fullmatch(pattern, actual) is not None
        return type(actual) is type(expected) and bool(actual == expected)


def _label(item: Any) -> str:
    if isinstance(item, dict):
        item = next((item[name] for name in _NAMES if name in item), "item")
    return str(item)
