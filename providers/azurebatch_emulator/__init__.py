"""A local Azure Batch service: the data-plane protocol in front, processes and containers behind."""

from azurebatch_emulator.process.embedded import Emulator
from azurebatch_emulator.state.configuration import Quotas, Timings

__all__ = ["Emulator", "Quotas", "Timings"]
