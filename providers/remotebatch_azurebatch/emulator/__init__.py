"""A local Azure Batch service: the data-plane protocol in front of the local engine."""

from remotebatch_azurebatch.emulator.configuration import Quotas, Timings
from remotebatch_azurebatch.emulator.embedded import Emulator

__all__ = ["Emulator", "Quotas", "Timings"]
