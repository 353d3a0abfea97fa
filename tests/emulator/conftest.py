"""The services that these tests share."""

from tests.support.emulator import azurite, client, container, emulator, gate, make_emulator

__all__ = ["azurite", "client", "container", "emulator", "gate", "make_emulator"]
