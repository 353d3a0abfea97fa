"""How one emulator is set up; kept in its data directory, where the service reads it."""

from __future__ import annotations

import base64
import os
import tempfile
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from azurebatch_emulator.process.addresses import url
from azurebatch_emulator.process.azurite import connection_string
from azurebatch_emulator.protocol.models.base import Identifier
from remotebatch.errors import InvalidSetting

ACCOUNT = "devbatchaccount"
"""Name of the account unless another is chosen."""
KEY = "cmVtb3RlYmF0Y2ggZW11bGF0b3I6IHRoaXMga2V5IGlzIHB1YmxpYyBhbmQgcHJvdGVjdHMgbm90aGluZyEhIQ=="
"""The account's key unless another is chosen: the same everywhere, and no secret."""

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(ge=0)]


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


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an emulator is started with."""

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
    storage_ports: tuple[Port, Port, Port] = (10101, 10102, 10103)
    """Ports of Azurite's blob, queue and table services."""
    storage_connection_string: Annotated[str, Meta(min_length=1)] | None = None
    """A storage account to use; without one Azurite is started."""
    runtime: Literal["docker", "process"] = "docker"
    """Whether tasks with container settings run in containers, or on the host without their image."""
    pool: Identifier | None = None
    """Pool to be there from the start: one node that runs containers, a task slot for each CPU."""
    https: bool = False
    """Whether the service and Azurite answer over HTTPS, and take bearer tokens."""
    faults: bool = False
    """Whether faults may be ordered through the control endpoint."""
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

    @property
    def storage(self) -> str:
        """Connection string of the storage account: the given one, or Azurite's."""
        if self.storage_connection_string is not None:
            return self.storage_connection_string
        return connection_string(self.storage_ports, self.host, self.https)

    def save(self) -> None:
        """Write it into its data directory, for its owner's eyes: a storage account's key may be in it."""
        descriptor, name = tempfile.mkstemp(dir=self.data)  # of mode 0600
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self), indent=2))
        os.replace(name, _path(self.data))

    @classmethod
    def load(cls, data: str) -> Configuration:
        """The configuration that was last saved in a data directory.

        :raises InvalidSetting: if there is none, or none that this version understands.
        """
        try:
            with open(_path(data), "rb") as file:
                return msgspec.json.decode(file.read(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise InvalidSetting(f"{data} holds no configuration of an emulator: {error}") from error


def _path(data: str) -> str:
    return os.path.join(data, "configuration.json")
