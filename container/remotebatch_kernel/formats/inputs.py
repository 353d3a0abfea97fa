"""The inputs object: every element of a job in one file, each found by its index.

Layout: magic, element count, then ``count + 1`` offsets (unsigned 64-bit, little-endian, from the
file's beginning), then one pickle of ``(args, kwargs, text)`` for each element, where the text shows the
arguments to people. Earlier versions stored no text. A child reads the two offsets that bound its span and
then that span alone, however many elements the job has.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from remotebatch_kernel.system import descriptors

MAGIC = b"RBIN1\n\0\0"
_COUNT = struct.Struct("<Q")
_HEAD_BYTES = len(MAGIC) + _COUNT.size
_OFFSET_BYTES = 8
_DATA_URL = "data:application/octet-stream;base64,"
_T = TypeVar("_T")
_Read = Callable[[int, int], bytes]


class Element(NamedTuple):
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    text: str = "…"
    """The arguments in short, as they were shown where they were packed."""


def head_size(count: int) -> int:
    """Bytes before the first element of an inputs object of ``count`` elements."""
    return _HEAD_BYTES + (count + 1) * _OFFSET_BYTES


def pack_head(offsets: Any) -> bytes:
    """The head for an ``array('Q')`` of ``count + 1`` absolute offsets."""
    return MAGIC + _COUNT.pack(len(offsets) - 1) + struct.pack(f"<{len(offsets)}Q", *offsets)


def as_url(data: bytes) -> str:
    """An inputs object as a ``data:`` URL, which :func:`read_span` takes in place of a path."""
    import binascii  # not imported in a fork server, where every library is more to copy for each task

    return _DATA_URL + binascii.b2a_base64(data, newline=False).decode()


def read_span(
    source: str, first: int, count: int, loads: Callable[[memoryview], Any] = pickle.loads
) -> list[Element]:
    """Unpickle ``count`` elements from the one numbered ``first``.

    :param source: path of the inputs object, or itself as a ``data:`` URL.
    :param loads: unpickles one.
    :raises ValueError: if the file is cut or is no inputs object.
    """
    return _reading(source, lambda read: _unpickle(read, first, count, loads))


def count_of(source: str) -> int:
    """Number of elements in an inputs object.

    :raises ValueError: if the file is cut or is no inputs object.
    """

    def unpack(read: _Read) -> int:
        _check(read)
        count: int = _COUNT.unpack(read(_COUNT.size, len(MAGIC)))[0]
        return count

    return _reading(source, unpack)


def _reading(source: str, use: Callable[[_Read], _T]) -> _T:
    if source.startswith(_DATA_URL):
        import binascii

        data = binascii.a2b_base64(source[len(_DATA_URL) :])
        return use(lambda size, start: data[start : start + size])
    descriptor = os.open(source, os.O_RDONLY)
    try:
        return use(lambda size, start: descriptors.read_at(descriptor, size, start))
    finally:
        os.close(descriptor)


def _check(read: _Read) -> None:
    if read(len(MAGIC), 0) != MAGIC:
        raise ValueError("not an inputs object")


def _unpickle(read: _Read, first: int, count: int, loads: Callable[[memoryview], Any]) -> list[Element]:
    """Unpickle elements from what ``read(size, start)`` reads."""
    _check(read)
    bounds = read((count + 1) * _OFFSET_BYTES, _HEAD_BYTES + first * _OFFSET_BYTES)
    if len(bounds) != (count + 1) * _OFFSET_BYTES:
        raise ValueError("the inputs object is cut")
    offsets = struct.unpack(f"<{count + 1}Q", bounds)
    start = offsets[0]
    span = memoryview(read(offsets[-1] - start, start))
    if len(span) != offsets[-1] - start:
        raise ValueError("the inputs object is cut")
    elements, begin = [], 0
    for end in offsets[1:]:
        elements.append(Element(*loads(span[begin : end - start])))
        begin = end - start
    return elements
