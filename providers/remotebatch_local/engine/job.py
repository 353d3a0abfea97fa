"""A job as the engine holds it: its record, the states of its tasks, and the order of their changes."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from remotebatch.provider import Changes, Counts, JobRecord, TaskRecord
from remotebatch.provider.variables import job_variables
from remotebatch.status import JobStatus
from remotebatch_execution.scheduler import Demand

_MANY_TASKS = 256
"""From here on, a fork server that has loaded a job's function gains more than its start costs."""


class LocalJob:
    """One job. Tasks that have not left their first state cost nothing."""

    def __init__(self, record: JobRecord, position: int, epoch: str, counts: Counts | None = None) -> None:
        self.record = record
        self.position = position
        """Place in the order of submission."""
        self.demand = Demand(record.settings.vcpu_count, record.settings.gpu_count)
        self._epoch = epoch
        self._tally = {
            JobStatus.ACTIVE: counts.active if counts else record.task_count,
            JobStatus.RUNNING: counts.running if counts else 0,
            JobStatus.SUCCEEDED: counts.succeeded if counts else 0,
            JobStatus.FAILED: counts.failed if counts else 0,
        }
        self._tasks: dict[int, TaskRecord] = {}
        self._load: Callable[[], Iterable[TaskRecord]] | None = None
        self._changed = array("Q")  # indices in the order of their changes: a cursor is a place in it
        self._fresh = 0  # tasks from here on have never been started
        self._again: list[int] = []  # tasks below that wait, smallest first

    @cached_property
    def environment(self) -> dict[str, str]:
        """Variables that all of its tasks share."""
        # the submitter's own PATH and locale mean nothing inside an image
        base = {} if self.record.settings.container_image else self.record.base_environment
        return base | job_variables(self.record)

    @property
    def rank(self) -> tuple[float, int]:
        """Smaller comes first: higher priority, then earlier submission."""
        return -self.record.settings.job_priority, self.position

    @property
    def worth_a_fork_server(self) -> bool:
        """Whether the job should have a fork server of its own, with its function loaded."""
        return self.record.task_count >= _MANY_TASKS

    @property
    def counts(self) -> Counts:
        """How many tasks are in each status."""
        return Counts(*self._tally.values())

    @property
    def finished(self) -> bool:
        """Whether every task has ended."""
        return not self._tally[JobStatus.ACTIVE] and not self._tally[JobStatus.RUNNING]

    @property
    def has_waiting(self) -> bool:
        """Whether a task waits to be started."""
        return bool(self._again) or self._fresh < self.record.task_count

    def load_later(self, load: Callable[[], Iterable[TaskRecord]]) -> None:
        """Read the tasks only when they are needed."""
        self._load = load
        self._fresh = self.record.task_count

    def task(self, index: int) -> TaskRecord:
        """Where a task stands."""
        return self._known.get(index) or TaskRecord(index)

    def tasks(self) -> Iterator[TaskRecord]:
        """Where every task stands."""
        return map(self.task, range(self.record.task_count))

    def next_waiting(self) -> int | None:
        """Take the next task that waits."""
        if self._again:
            return heapq.heappop(self._again)
        if self._fresh < self.record.task_count:
            self._fresh += 1
            return self._fresh - 1
        return None

    def wait_again(self, index: int) -> None:
        """A task waits once more."""
        heapq.heappush(self._again, index)

    def stop_waiting(self, indices: Iterable[int] | None) -> list[int]:
        """Take the given tasks, or all, from those that wait; return those that did."""
        waiting = [*self._again, *range(self._fresh, self.record.task_count)]
        if indices is not None:
            wanted = set(indices)
            taken = [index for index in waiting if index in wanted]
            left = [index for index in waiting if index not in wanted]
        else:
            taken, left = waiting, []
        self._again = sorted(left)
        self._fresh = self.record.task_count
        return taken

    def unsettled(self) -> Iterator[int]:
        """Tasks that are known to have left their first state but not to have ended."""
        return (index for index, task in self._known.items() if not task.status.final)

    def restore(self, tasks: Iterable[TaskRecord]) -> None:
        """Take over what the journal knows of an unfinished job; all that has not ended waits."""
        for task in tasks:
            self._tasks[task.index] = task
        self._fresh = max(self._tasks, default=-1) + 1
        self._tally = dict.fromkeys(self._tally, 0)
        for task in self.tasks():
            self._tally[task.status] += 1
        self._again = [index for index in range(self._fresh) if not self.task(index).status.final]

    def update(self, task: TaskRecord) -> None:
        """A task has a new state."""
        self._tally[self.task(task.index).status] -= 1
        self._tally[task.status] += 1
        self._known[task.index] = task
        self._changed.append(task.index)

    def changes(self, cursor: str) -> Changes | None:
        """What changed since the cursor; None if nothing."""
        epoch, _, place = cursor.partition(".")
        here = f"{self._epoch}.{len(self._changed)}"
        if cursor == here:
            return None
        if epoch != self._epoch:  # the client's first query, or its first to this agent
            return Changes(here, list(self._known.values()))
        indices = sorted(set(self._changed[int(place) :]))
        return Changes(here, [self.task(index) for index in indices])

    @property
    def _known(self) -> dict[int, TaskRecord]:
        if self._load is not None:
            self._tasks = {task.index: task for task in self._load()}
            self._load = None
        return self._tasks
