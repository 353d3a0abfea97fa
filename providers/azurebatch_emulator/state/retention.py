"""When the files of ended tasks are to go."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable

from azurebatch_emulator.state.task import Task

_LONGEST_SLEEP = 3600.0


class Retention:
    """Removes the files of ended tasks once their retention time is over.

    It remembers tasks by their names alone, so that deleted ones are not kept in memory by it.
    """

    def __init__(self, find: Callable[[str, str], Task | None], remove_files: Callable[[Task], None]) -> None:
        """Nothing happens yet; see :meth:`enforce`.

        :param find: the task of a job, by their keys, if it is still there.
        :param remove_files: removes what a task has left on its nodes.
        """
        self._find = find
        self._remove_files = remove_files
        self._due: list[tuple[float, str, str]] = []
        self._sooner = asyncio.Event()

    def note(self, task: Task) -> None:
        """A task has ended."""
        due = task.retained_until
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
            task = self._find(job_key, task_key)
            if task is not None and task.retained_until == due:  # else it ran again since
                self._remove_files(task)
