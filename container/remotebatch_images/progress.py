"""How a build or a push goes on: what the engine reports, and who follows it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from remotebatch.errors import ProviderError

_STEP = re.compile(r"Step \d+/\d+ : ")
_CONTAINERS = re.compile(r" ---> |Removing intermediate container ")
"""What the engine says of the containers and layers that it makes for a step."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Watcher(Protocol):
    """Follows a build or a push."""

    def line(self, text: str) -> None:
        """A line that the engine, or a program in the build, has written."""

    def transfer(self, layer: str, doing: str, done: int | None, total: int | None) -> None:
        """What happens to a layer; ``done`` and ``total`` are bytes, None where the engine gives none."""


class PushFailed(Exception):
    """The engine's own words for why a push stopped."""


def follow_build(events: Iterable[Mapping[str, Any]], watcher: Watcher) -> None:
    """Follow a build to its end.

    :raises ProviderError: if it failed, naming the step and what it said.
    """
    step, rest = "", ""
    said: deque[str] = deque(maxlen=50)
    for event in events:
        if "error" in event:
            said.append(_COLOUR.sub("", rest))
            raise ProviderError(_explain_failure(step, [line for line in said if line.strip()], event))
        *lines, rest = (rest + event.get("stream", "")).split("\n")
        for line in lines:
            text = _COLOUR.sub("", line).rstrip().rpartition("\r")[2]
            if not text or _CONTAINERS.match(text):
                continue
            if _STEP.match(text):
                step = text
                said.clear()
            else:
                said.append(text)
            watcher.line(text)
        _report_transfer(event, watcher)


def follow_push(events: Iterable[Mapping[str, Any]], watcher: Watcher) -> str | None:
    """Follow a push to its end; return the image's digest.

    :raises PushFailed: if the engine stopped.
    """
    digest = None
    for event in events:
        if "error" in event:
            raise PushFailed(event["error"])
        digest = event.get("aux", {}).get("Digest", digest)
        _report_transfer(event, watcher)
    return digest


def _report_transfer(event: Mapping[str, Any], watcher: Watcher) -> None:
    if "id" in event and "status" in event:
        detail = event.get("progressDetail") or {}
        watcher.transfer(event["id"], event["status"], detail.get("current"), detail.get("total"))


def _explain_failure(step: str, said: list[str], event: Mapping[str, Any]) -> str:
    reason = str(event["error"]).strip()
    if "code" in event.get("errorDetail", {}):  # a program of the build ended so: its last words say why
        errors = [line for line in said if line.startswith("ERROR")] or said[-1:]
        reason = f"it ended with exit code {event['errorDetail']['code']}: " + " ".join(errors)
    return f"the image was not built. {step.removesuffix('.')}: {reason}"
