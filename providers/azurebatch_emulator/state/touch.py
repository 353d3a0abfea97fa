"""What every write by a client does to a resource."""

from __future__ import annotations

from typing import Protocol

from azurebatch_emulator.protocol.models.common import stamp


class _Stamped(Protocol):
    e_tag: str
    last_modified: str


def touch(resource: _Stamped) -> None:
    """A client has changed a resource: it gets another eTag. What the service does leaves it alone."""
    resource.e_tag, resource.last_modified = stamp()
