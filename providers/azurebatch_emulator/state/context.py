"""What everything in an account shares."""

from __future__ import annotations

from dataclasses import dataclass

from azurebatch_emulator.state.background import Background
from azurebatch_emulator.state.configuration import AccountConfiguration
from azurebatch_emulator.state.execution import Execution
from azurebatch_emulator.state.ledger import Ledger


@dataclass(frozen=True)
class Context:
    """The parts that the service puts together, and that pools, jobs and schedules use."""

    configuration: AccountConfiguration
    ledger: Ledger
    background: Background
    execution: Execution
