"""Connections that can be cut, as a network does: without an answer, and without a warning."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class Connection(H11Protocol):
    """A connection that can be found by the address of its client."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember it."""
        super().connection_made(transport)
        _open[_client(transport.get_extra_info("peername"))] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        _open.pop(_client(self.transport.get_extra_info("peername")), None)
        super().connection_lost(exc)


def cut(request: Request) -> None:
    """Cut the connection of a request."""
    client = request.client
    if client is not None and (transport := _open.get((client.host, client.port))) is not None:
        transport.abort()


def _client(address: Any) -> tuple[str, int]:
    return (str(address[0]), int(address[1])) if address else ("", 0)
