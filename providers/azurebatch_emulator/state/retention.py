"""When the files of ended tasks are to go."""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import TYPE_CHECKING

from azurebatch_emulator.protocol.models.common import moment

if TYPE_CHECKING:
    from azurebatch_emulator.state.account import Account
    from azurebatch_emulator.state.task import Task

_LONGEST_SLEEP = 3600.0


class Retention:
    """Removes the files of ended tasks once their retention time is over.

    It remembers tasks by their names alone, so that deleted ones are not kept in memory by it.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._due: list[tuple[float, str, str]] = []
        self._sooner = asyncio.Event()

    def note(self, task: Task) -> None:
        """A task has ended."""
        due = _due(task)
        if due is not None:
            heapq.heappush(self._due, (due, task.job.key, task.key))
            if self._due[0][0] == due:
                self._sooner.set()

    async def enforce(self) -> None:
        """Remove what is due, for ever."""
        while True:
            self._sooner.clear()
            left = self._due[0][0] - time.time() if self._due else _LONGEST_SLEEP
            if left > 0:
                try:
                    await asyncio.wait_for(self._sooner.wait(), min(left, _LONGEST_SLEEP))
                except (TimeoutError, asyncio.TimeoutError):
                    pass  # something may be due by now
                continue
            due, job_key, task_key = heapq.heappop(self._due)
            job = self._account.jobs.get(job_key)
            task = job.tasks.get(task_key) if job is not None else None
            if job is not None and task is not None and _due(task) == due:  # else it ran again since
                job.dispatcher.remove_files(task)


def _due(task: Task) -> float | None:
    """When a task's files are due; None if it has not ended."""
    ended_at = task.resource.execution_info.end_time if task.resource.execution_info else None
    return None if ended_at is None else moment(ended_at).timestamp() + task.retention
