"""Counting the requests that this process sends, at the libraries that send them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

import aiohttp
import requests


class Requests:
    """What was sent while it was counted."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        """Method and path of each request, in order."""

    def count(self, method: str | None = None, within: str = "") -> int:
        """How many requests there were, of a method, to paths with a certain text in them."""
        return sum(method in (None, sent) and within in path for sent, path in self.sent)

    def __len__(self) -> int:
        return len(self.sent)

    def __str__(self) -> str:
        kinds = Counter(f"{method} {_kind(path)}" for method, path in self.sent)
        return f"{len(self)} requests: " + ", ".join(f"{number} x {kind}" for kind, number in kinds.items())


@contextmanager
def counted() -> Iterator[Requests]:
    """Count the requests to both services, those of the asynchronous clients among them."""
    counter = Requests()
    send, send_async = requests.Session.request, aiohttp.ClientSession._request

    def note(method: str, url: Any) -> None:
        counter.sent.append((method.upper(), unquote(urlsplit(str(url)).path)))

    def request(self: Any, method: str, url: str, *rest: Any, **options: Any) -> Any:
        note(method, url)
        return send(self, method, url, *rest, **options)

    async def request_async(self: Any, method: str, url: Any, *rest: Any, **options: Any) -> Any:
        note(method, url)
        return await send_async(self, method, url, *rest, **options)

    with (
        mock.patch.object(requests.Session, "request", request),
        mock.patch.object(aiohttp.ClientSession, "_request", request_async),
    ):
        yield counter


def _kind(path: str) -> str:
    """A path with what is particular to one job or blob left out."""
    words = path.strip("/").split("/")
    if words[0] in ("jobs", "pools"):
        return "/".join("…" if place == 1 else word for place, word in enumerate(words))
    return "blob" if len(words) > 2 else "container"
