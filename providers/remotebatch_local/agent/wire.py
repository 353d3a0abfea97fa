"""Messages between client and agent: MessagePack, each preceded by its length.

A request is ``[operation, arguments]``; an answer ``[true, value]`` or ``[false, [error type,
message]]``. One side sends at a time, except that a client may cancel a long poll by a one-way
``["cancel", {}]``.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import socket
import struct
from typing import Any

import msgspec

from remotebatch import errors
from remotebatch.provider import UnreadableRecord

_PROTOCOL = 2
"""To be raised when a message changes: two states of the sources may have the same version."""
_LENGTH = struct.Struct("!I")
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()


@functools.cache
def version() -> str:
    """The installed version of remotebatch."""
    return importlib.metadata.version("remotebatch")


def protocol() -> str:
    """What both sides must agree on: a client talks only to an agent of its own version and protocol."""
    return f"{version()}, protocol {_PROTOCOL}"


def encode(message: Any) -> bytes:
    """A message as it goes over the socket."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def send(connection: socket.socket, message: Any) -> None:
    """Send one message."""
    connection.sendall(encode(message))


def receive(connection: socket.socket) -> Any:
    """Receive one message.

    :raises ConnectionError: if the other side has gone.
    """
    return _decoder.decode(_exactly(connection, _LENGTH.unpack(_exactly(connection, _LENGTH.size))[0]))


async def receive_async(reader: asyncio.StreamReader) -> Any:
    """Receive one message; None at the end of the connection."""
    try:
        length = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))[0]
        return _decoder.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def describe_error(error: errors.RemoteBatchError) -> list[str]:
    """An error as it goes over the socket."""
    return [type(error).__name__, str(error)]


def rebuild_error(described: list[str]) -> errors.RemoteBatchError:
    """The error that was described."""
    name, message = described
    kind = (
        UnreadableRecord if name == UnreadableRecord.__name__ else getattr(errors, name, errors.ProviderError)
    )
    error: errors.RemoteBatchError = kind(message)
    return error


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 20))
        if not part:
            raise ConnectionResetError("the agent closed the connection")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
