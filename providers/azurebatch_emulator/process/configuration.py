"""How one emulator is set up; kept in its data directory, where the service reads it."""

from __future__ import annotations

import os
import tempfile
from typing import Annotated

import msgspec
from msgspec import Meta

from azurebatch_emulator.process.azurite import connection_string
from azurebatch_emulator.protocol.models.base import Identifier
from azurebatch_emulator.state.configuration import AccountConfiguration, Port
from remotebatch.errors import InvalidSetting


class Configuration(AccountConfiguration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an emulator is started with."""

    storage_ports: tuple[Port, Port, Port] = (10101, 10102, 10103)
    """Ports of Azurite's blob, queue and table services."""
    storage_connection_string: Annotated[str, Meta(min_length=1)] | None = None
    """A storage account to use; without one Azurite is started."""
    pool: Identifier | None = None
    """Pool to be there from the start: one node that runs containers, a task slot for each CPU."""
    faults: bool = False
    """Whether faults may be ordered through the control endpoint."""

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
