"""The inputs object: every element of a job in one file, each found by its index.

Layout: magic, element count, then ``count + 1`` offsets (unsigned 64-bit, little-endian, from the
file's beginning), then one pickle of ``(args, kwargs)`` for each element. A child reads the two
offsets that bound its span and then that span alone, however many elements the job has.
"""

from __future__ import annotations

import binascii
import io
import pickle
import struct
from typing import Any, BinaryIO

MAGIC = b"RBIN1\n\0\0"
_COUNT = struct.Struct("<Q")
_HEAD_BYTES = len(MAGIC) + _COUNT.size
_OFFSET_BYTES = 8
_DATA_URL = "data:application/octet-stream;base64,"


def head_size(count: int) -> int:
    """Bytes before the first element of an inputs object of ``count`` elements."""
    return _HEAD_BYTES + (count + 1) * _OFFSET_BYTES


def pack_head(offsets: Any) -> bytes:
    """The head for an ``array('Q')`` of ``count + 1`` absolute offsets."""
    return MAGIC + _COUNT.pack(len(offsets) - 1) + struct.pack(f"<{len(offsets)}Q", *offsets)


def as_url(data: bytes) -> str:
    """An inputs object as a ``data:`` URL, which :func:`read_span` takes in place of a path."""
    return _DATA_URL + binascii.b2a_base64(data, newline=False).decode()


def _open(source: str) -> BinaryIO:
    if source.startswith(_DATA_URL):
        return io.BytesIO(binascii.a2b_base64(source[len(_DATA_URL) :]))
    return open(source, "rb")


def read_span(source: str, first: int, count: int) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Unpickle ``count`` elements from the one numbered ``first``.

    :param source: path of the inputs object, or itself as a ``data:`` URL.
    :raises ValueError: if the file is cut or is no inputs object.
    """
    with _open(source) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("not an inputs object")
        file.seek(_HEAD_BYTES + first * _OFFSET_BYTES)
        bounds = file.read((count + 1) * _OFFSET_BYTES)
        if len(bounds) != (count + 1) * _OFFSET_BYTES:
            raise ValueError("the inputs object is cut")
        offsets = struct.unpack(f"<{count + 1}Q", bounds)
        file.seek(offsets[0])
        span = file.read(offsets[-1] - offsets[0])
    if len(span) != offsets[-1] - offsets[0]:
        raise ValueError("the inputs object is cut")
    stream = io.BytesIO(span)
    return [pickle.load(stream) for _ in range(count)]
