"""A local Azure Batch service: the data-plane protocol in front of the local engine."""

from azurebatch_emulator.process.configuration import Quotas, Timings
from azurebatch_emulator.process.embedded import Emulator

__all__ = ["Emulator", "Quotas", "Timings"]
