"""The protocol between an agent and its fork servers, over a socket.

The byte codes never change: a stored job keeps its kernel archive, which a later agent starts again.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

FRAME = struct.Struct("<cQqI")
"""Head of a frame: kind, key of the task, a number, bytes of text that follow.

To the fork server: START (text: a :class:`Task`); PREFETCH (the same, to be started the moment that the
task named by the number has ended); REVOKE (of a PREFETCH); SIGNAL (number: SIGTERM or SIGKILL).
From it: READY, first of all; SETUP_FAILED (text: why); ENDED (number: exit code, or the negative
number of the signal); REVOKED (of a prefetched task that will not start; no answer means that it has).
"""
START, PREFETCH, REVOKE, SIGNAL = b"S", b"N", b"C", b"K"
READY, SETUP_FAILED, ENDED, REVOKED = b"R", b"F", b"E", b"D"


class Task(NamedTuple):
    """What a worker needs for its task; travels as a pickled plain tuple."""

    key: int
    directory: str
    """Working directory: it exists."""
    log_directory: str
    """Where stdout.txt and stderr.txt go: it exists."""
    environment: dict[str, str]
    """Variables beyond the fork server's own."""
    memory_limit: int | None
    """Bytes of address space."""
    files: dict[str, str]
    """Name in the working directory → path of the file to copy there."""
    argv: list[str] | None
    """The command to run, or None for a call."""
    call: tuple[Any, ...] | None
    """The fields of a :class:`~remotebatch_kernel.evaluation.task.Call`."""


def split(data: bytes) -> tuple[list[tuple[bytes, int, int, bytes]], bytes]:
    """The whole frames at the beginning, as kind, key, number and text, and what is left of one to come."""
    whole = []
    start, end = 0, len(data)
    while end - start >= FRAME.size:
        kind, key, number, size = FRAME.unpack_from(data, start)
        text = start + FRAME.size
        if end - text < size:
            break
        start = text + size
        whole.append((kind, key, number, data[text:start]))
    return whole, data[start:]


def pack(kind: bytes, key: int, number: int = 0, text: bytes = b"") -> bytes:
    """A frame."""
    return FRAME.pack(kind, key, number, len(text)) + text
