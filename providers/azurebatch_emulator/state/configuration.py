"""How an account is set up: names, addresses, simulated delays, quotas."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ACCOUNT = "devbatchaccount"
"""Name of the account unless another is chosen."""
KEY = "cmVtb3RlYmF0Y2ggZW11bGF0b3I6IHRoaXMga2V5IGlzIHB1YmxpYyBhbmQgcHJvdGVjdHMgbm90aGluZyEhIQ=="
"""The account's key unless another is chosen: the same everywhere, and no secret."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(ge=0)]
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


class Timings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds that pass where Azure takes its time."""

    resize: Seconds = 1.0
    """From the beginning of a pool's resize to its new size."""
    node_start: Seconds = 0.0
    """From a node's creation to its start task."""
    job_terminate: Seconds = 0.0
    """How long a job is terminating once its tasks have ended."""
    job_delete: Seconds = 0.0
    """How long a job is deleting once its tasks have ended."""
    pool_delete: Seconds = 0.0
    """How long a pool is deleting once its nodes are gone."""


class Quotas(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most that the account may have of something at a time."""

    active_jobs: Annotated[int, Meta(ge=0)] = 300
    """Active jobs and job schedules together."""
    pools: Annotated[int, Meta(ge=0)] = 100
    """Pools."""
    nodes: Annotated[int, Meta(ge=0)] = 1000
    """Nodes of all pools together; a pool that cannot get all it wants says so in its resize errors."""


class AccountConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a Batch account is set up."""

    data: str
    """Directory that holds the state, the nodes' files, Azurite's files and the logs."""
    account: Annotated[str, Meta(pattern=r"^[a-z0-9]{3,24}$")] = ACCOUNT
    """Name of the Batch account."""
    key: Annotated[str, Meta(min_length=1)] = KEY
    """The account's key, in base64."""
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """Address that the service and Azurite listen on."""
    port: Port = 10100
    """Port of the Batch service."""
    https: bool = False
    """Whether the service and Azurite answer over HTTPS, and take bearer tokens."""
    runtime: Literal["docker", "process"] = "docker"
    """Whether tasks with container settings run in containers, or on the host without their image."""
    timings: Timings = msgspec.field(default_factory=Timings)
    """Simulated delays."""
    quotas: Quotas = msgspec.field(default_factory=Quotas)
    """Limits of the account."""

    def __post_init__(self) -> None:
        try:
            base64.b64decode(self.key, validate=True)
        except ValueError as error:
            raise ValueError(f"key={self.key!r}: must be base64") from error

    @property
    def endpoint(self) -> str:
        """Where the Batch service answers."""
        return url(self.host, self.port, self.https)


def url(host: str, port: int, https: bool) -> str:
    """The URL of what listens there, as seen from this machine."""
    address = reachable(host)
    return f"{'https' if https else 'http'}://{f'[{address}]' if ':' in address else address}:{port}"


def reachable(host: str) -> str:
    """The address at which this machine reaches what listens there."""
    return _WILDCARDS.get(host, host)
