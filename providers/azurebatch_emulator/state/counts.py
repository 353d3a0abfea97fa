"""How many tasks of a job, and how many of their slots, are in each state; kept up as they turn."""

from __future__ import annotations

from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.state.task import Task

_PARTS = ("active", "running", "completed", "succeeded", "failed")


class Counts:
    """Counts of one job's tasks; ``running`` includes those that are getting ready."""

    def __init__(self) -> None:
        self._tasks = dict.fromkeys(_PARTS, 0)
        self._slots = dict.fromkeys(_PARTS, 0)

    @property
    def active(self) -> int:
        """Tasks that wait."""
        return self._tasks["active"]

    @property
    def running(self) -> int:
        """Tasks that occupy a node."""
        return self._tasks["running"]

    @property
    def unfinished(self) -> int:
        """Tasks that have not ended."""
        return self._tasks["active"] + self._tasks["running"]

    def add(self, task: Task) -> None:
        """A task has been added."""
        self._change(task, task.state, task.succeeded, 1)

    def remove(self, task: Task) -> None:
        """A task has been deleted."""
        self._change(task, task.state, task.succeeded, -1)

    def turn(self, task: Task, before: models.TaskState) -> None:
        """A task has gone from one state to another."""
        # a completed task that is reactivated has failed: no other can be
        self._change(task, before, False, -1)
        self._change(task, task.state, task.succeeded, 1)

    def result(self) -> models.TaskCountsResult:
        """The counts as the service shows them."""
        return models.TaskCountsResult(
            task_counts=models.TaskCounts(**self._tasks),
            task_slot_counts=models.TaskSlotCounts(**self._slots),
        )

    def _change(self, task: Task, state: models.TaskState, succeeded: bool, by: int) -> None:
        part = "running" if state is models.TaskState.PREPARING else state.value
        self._add(task, part, by)
        if part == "completed":
            self._add(task, "succeeded" if succeeded else "failed", by)

    def _add(self, task: Task, part: str, by: int) -> None:
        self._tasks[part] += by
        self._slots[part] += by * task.slots
