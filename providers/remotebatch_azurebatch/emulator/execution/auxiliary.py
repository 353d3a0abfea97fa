"""Tasks beside the jobs' own: start tasks, preparation and release tasks. All run the same way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from remotebatch_azurebatch.emulator.execution import resource_files
from remotebatch_azurebatch.emulator.execution.failures import (
    TaskFailure,
    nonzero_exit_code,
    wall_clock_exceeded,
)
from remotebatch_azurebatch.emulator.execution.machine import Attempt, Command, Machine
from remotebatch_azurebatch.emulator.models.files import ResourceFile
from remotebatch_azurebatch.emulator.state.task import Ending


@dataclass
class Auxiliary:
    """One such task on one node."""

    machine: Machine
    command: Command
    files: Sequence[ResourceFile]
    most_retries: int = 0
    """How often it is tried again when it fails; -1 for ever."""
    limit: float | None = None
    """Seconds that it may take."""
    note_retry: Callable[[], None] = lambda: None

    async def run(self) -> Ending:
        """Run it to its end, with its retries. Cancelled, it leaves nothing running."""
        try:
            os.makedirs(self.command.wd, exist_ok=True)
            await asyncio.get_running_loop().run_in_executor(
                self.machine.transfers,
                partial(resource_files.fetch, self.files, self.command.wd, self.machine.storage),
            )
            tries = 0
            while True:
                ending = await self._once()
                if ending.succeeded or tries == self.most_retries:
                    return ending
                tries += 1
                self.note_retry()
        except TaskFailure as failure:
            return Ending.failed(failure)
        except OSError as error:
            return Ending.failed(TaskFailure("ResourceDirectoryCreateFailed", Message=str(error)))

    async def _once(self) -> Ending:
        attempt = self.machine.attempt(self.command)
        attempt.start()
        try:
            in_time = await self._in_time(attempt)
            end = await attempt.end()
        except asyncio.CancelledError:
            attempt.kill()
            await attempt.end()
            raise
        if end.lost:
            return await self._once()
        if end.failure is not None:
            raise end.failure
        if not in_time:
            return Ending.failed(wall_clock_exceeded(), end.exit_code, end.container)
        if end.exit_code != 0:
            return Ending.failed(nonzero_exit_code(), end.exit_code, end.container)
        return Ending(end.exit_code, container=end.container)

    async def _in_time(self, attempt: Attempt) -> bool:
        try:
            await asyncio.wait_for(attempt.end(), self.limit)
        except (TimeoutError, asyncio.TimeoutError):
            attempt.stop()
            return False
        return True
