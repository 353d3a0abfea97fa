"""A client that signs a request as the Batch protocol asks for, and returns the answer as it came."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any

import httpx

from tests.support.wire import API_VERSION, JSON, SharedKey


class Client:
    """Requests of one account, signed with its key."""

    def __init__(self, endpoint: str, account: str, key: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._account = account
        self._key = key
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
        return self._http.request(
            method,
            self.endpoint + path,
            params={"api-version": API_VERSION, **(query or {})},
            content=None if body is None else json.dumps(body).encode(),
            headers={"accept": "*/*", **({} if body is None else {"content-type": JSON}), **(headers or {})},
            auth=SharedKey(account or self._account, self._key),
        )
