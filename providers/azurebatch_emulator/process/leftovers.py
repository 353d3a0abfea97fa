"""What a killed service leaves running: its containers, and the processes of tasks that lost their kernel."""

from __future__ import annotations

import logging

from azurebatch_emulator.process.configuration import Configuration
from remotebatch.errors import ProviderError

_log = logging.getLogger(__name__)


def end_leftovers(configuration: Configuration) -> None:
    """End them; to be called by the only user of the data directory."""
    from remotebatch_execution.runners import containers, processes

    processes.kill_leftovers(configuration.data)
    if configuration.runtime == "docker":
        try:
            containers.remove_leftovers(configuration.data)
        except ProviderError as error:
            _log.warning("containers of an earlier service may be left: %s", error)
