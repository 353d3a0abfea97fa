"""The one file format of functions and results: a line of JSON, then a pickle.

The header can be read by anything (``head -1 FILE``) before a single byte is unpickled; it carries
the payload's length and checksum, so a cut or altered file is known for what it is.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import Any

from remotebatch_kernel.system import descriptors

FORMAT = 1
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
HEADER_LIMIT = 16 * 1024 * 1024


class CorruptEnvelope(ValueError):
    """The bytes are not a whole envelope of a format this version reads."""


def pack(header: dict[str, Any], payload: bytes) -> bytes:
    """Return the envelope's bytes; ``format`` and the payload's length and checksum are added."""
    header = {
        "format": FORMAT,
        **header,
        "payload_bytes": len(payload),
        "payload_crc32": zlib.crc32(payload),
    }
    return json.dumps(header).encode() + b"\n" + payload


def unpack(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """Split an envelope into header and payload (a view, not a copy).

    :raises CorruptEnvelope: if it is cut, altered, or of another format.
    """
    header = parse_header(data)
    payload = memoryview(data)[data.find(b"\n") + 1 :]
    if len(payload) != header["payload_bytes"]:
        raise CorruptEnvelope(f"{len(payload)} bytes of payload where {header['payload_bytes']} were written")
    if zlib.crc32(payload) != header["payload_crc32"]:
        raise CorruptEnvelope("the payload's checksum does not match")
    return header, payload


def read(path: str) -> bytes:
    """Read a whole file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return descriptors.read_at(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def read_header(path: str) -> dict[str, Any]:
    """Read only the header of the envelope in a file."""
    with open(path, "rb") as file:
        return parse_header(file.readline(HEADER_LIMIT))


def write_atomically(path: str, data: bytes) -> None:
    """Write a file that is either whole or absent, also when several processes write it at once."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        descriptor = os.open(temporary, _NEW_FILE, 0o666)
        try:
            descriptors.write_all(descriptor, data)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def parse_header(data: bytes) -> dict[str, Any]:
    """Read the header of an envelope from its beginning.

    :raises CorruptEnvelope: if that is cut, or no header.
    """
    line = data[: data.find(b"\n", 0, HEADER_LIMIT) + 1]
    if not line.endswith(b"\n"):
        raise CorruptEnvelope("the header is cut")
    try:
        header = json.loads(line)
    except ValueError as error:
        raise CorruptEnvelope(f"the header is not JSON: {error}") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CorruptEnvelope("not an object that this version of remotebatch wrote")
    return header
