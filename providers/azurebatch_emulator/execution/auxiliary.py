"""Tasks beside the jobs' own: start tasks, preparation and release tasks. All run the same way."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from azurebatch_emulator.execution import resource_files
from azurebatch_emulator.execution.machine import MOST_LOSSES, Attempt, Command, Machine
from azurebatch_emulator.execution.transfers import Transfer, TransferStopped
from azurebatch_emulator.protocol.failures import TaskFailure, nonzero_exit_code, wall_clock_exceeded
from azurebatch_emulator.protocol.models.files import ResourceFile
from azurebatch_emulator.state.outcome import TaskOutcome

_LONGEST_TIMER = 1e7  # seconds; the event loop takes no much longer ones


@dataclass
class Auxiliary:
    """One such task on one node."""

    machine: Machine
    command: Command
    files: Sequence[ResourceFile]
    most_retries: int = 0
    """How often it is tried again when it fails; -1 for ever."""
    limit: float | None = None
    """Seconds that it may take, with its files and its retries."""
    note_retry: Callable[[], None] = lambda: None
    _due: float | None = field(default=None, init=False)
    """When it has to be over, by the loop's clock."""

    async def run(self) -> TaskOutcome:
        """Run it to its end, with its retries. Cancelled, it leaves nothing running."""
        if self.limit is not None:
            self._due = asyncio.get_running_loop().time() + min(self.limit, _LONGEST_TIMER)
        try:
            os.makedirs(self.command.wd, exist_ok=True)
            await self._fetch_files()
            tries = 0
            while True:
                outcome = await self._once()
                if outcome.succeeded or tries == self.most_retries or self._time_left() == 0:
                    return outcome
                tries += 1
                self.note_retry()
        except TaskFailure as failure:
            return TaskOutcome.failed(failure)
        except TransferStopped:
            return TaskOutcome.failed(wall_clock_exceeded())
        except OSError as error:
            return TaskOutcome.failed(TaskFailure("ResourceDirectoryCreateFailed", Message=str(error)))

    async def _fetch_files(self) -> None:
        def work(stop: threading.Event) -> None:
            resource_files.fetch(self.files, self.command.wd, self.machine.storage, stop)

        def begun(transfer: Transfer) -> None:
            if self._due is not None:
                timers.append(asyncio.get_running_loop().call_at(self._due, transfer.stop))

        timers: list[asyncio.TimerHandle] = []
        try:
            await self.machine.transfers.carry_out(work, begun)
        finally:
            for timer in timers:
                timer.cancel()

    def _time_left(self) -> float | None:
        return None if self._due is None else max(self._due - asyncio.get_running_loop().time(), 0)

    async def _once(self) -> TaskOutcome:
        """One try; what ran it may go away a few times."""
        for losses in range(MOST_LOSSES + 1):
            outcome = await self._attempt(replace(self.command, alone=losses > 0))
            if outcome is not None:
                return outcome
        raise TaskFailure("TaskLost")

    async def _attempt(self, command: Command) -> TaskOutcome | None:
        """How the command ended; None if what ran it has gone away."""
        attempt = self.machine.attempt(command)
        attempt.start()
        try:
            in_time = await self._in_time(attempt)
            end = await attempt.end()
        except asyncio.CancelledError:
            attempt.kill()
            await attempt.end()
            raise
        if end.lost:
            return None
        if end.failure is not None:
            raise end.failure
        if not in_time:
            return TaskOutcome.failed(wall_clock_exceeded(), end.exit_code, end.container)
        if end.exit_code != 0:
            return TaskOutcome.failed(nonzero_exit_code(), end.exit_code, end.container)
        return TaskOutcome(end.exit_code, container=end.container)

    async def _in_time(self, attempt: Attempt) -> bool:
        try:
            await asyncio.wait_for(attempt.end(), self._time_left())
        except (TimeoutError, asyncio.TimeoutError):
            attempt.stop()
            return False
        return True
