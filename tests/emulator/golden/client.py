"""A client that signs a request as the Batch protocol asks for, and returns the answer as it came."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from email.utils import formatdate
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import httpx

API_VERSION = "2025-06-01"
_SIGNED_HEADERS = (
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


class Client:
    """Requests of one account, signed with its key."""

    def __init__(self, endpoint: str, account: str, key: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._account = account
        self._key = base64.b64decode(key)
        self._http = httpx.Client(timeout=60, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        account: str | None = None,
    ) -> httpx.Response:
        """One request, signed in the name of another account if one is given."""
        content = None if body is None else json.dumps(body).encode()
        request = self._http.build_request(
            method,
            self.endpoint + path,
            params={"api-version": API_VERSION, **(query or {})},
            content=content,
            headers={
                "accept": "*/*",
                "ocp-date": formatdate(usegmt=True),
                **({} if body is None else {"content-type": "application/json; odata=minimalmetadata"}),
                **(headers or {}),
            },
        )
        account = account or self._account
        request.headers["authorization"] = f"SharedKey {account}:{self._signature(request, account)}"
        return self._http.send(request)

    def _signature(self, request: httpx.Request, account: str) -> str:
        sent = {name.lower(): value for name, value in request.headers.items()}
        if request.method not in ("GET", "HEAD"):
            sent.setdefault("content-length", "0")
        path, _, query = request.url.raw_path.decode().partition("?")
        lines = [
            request.method,
            *(sent.get(name, "") for name in _SIGNED_HEADERS),
            *(f"{name}:{sent[name]}" for name in sorted(sent) if name.startswith("ocp-")),
            f"/{account}{path}",
            *(f"{name}:{value}" for name, value in sorted(parse_qsl(query))),
        ]
        digest = hmac.digest(self._key, "\n".join(lines).encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()
