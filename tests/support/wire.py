"""Requests as they go over the wire, for what Microsoft's client does not send or does not show."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import httpx

from azurebatch_emulator import Emulator

__all__ = ["API_VERSION", "JSON", "RFC_1123", "SharedKey", "wire"]

API_VERSION = "2025-06-01"
JSON = "application/json; odata=minimalmetadata"
RFC_1123 = "%a, %d %b %Y %H:%M:%S GMT"
_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


class SharedKey(httpx.Auth):
    """Signs requests with an account's key."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key)

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        request.headers.setdefault("ocp-date", formatdate(usegmt=True))
        lines = [request.method, *(request.headers.get(name, "") for name in _SIGNED)]
        own = sorted((name, value) for name, value in request.headers.items() if name.startswith("ocp-"))
        lines += [f"{name}:{value}" for name, value in own]
        path = request.url.raw_path.partition(b"?")[0].decode()
        query = "".join(f"\n{name}:{value}" for name, value in sorted(request.url.params.items()) if value)
        text = "\n".join([*lines, f"/{self._account}{path}{query}"])
        signature = base64.b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()
        request.headers["Authorization"] = f"SharedKey {self._account}:{signature}"
        yield request


def wire(emulator: Emulator, **options: Any) -> httpx.Client:
    """A plain HTTP client that signs its requests, and names the api-version unless they do."""
    settings: dict[str, Any] = {
        "base_url": emulator.endpoint,
        "auth": SharedKey(emulator.account, emulator.key),
        "params": {"api-version": API_VERSION},
        "trust_env": False,
        "timeout": 60,
    }
    return httpx.Client(**(settings | options))
