"""Which tasks of a job wait for which others."""

from __future__ import annotations

from collections.abc import Container, Iterable

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.state.task import Task

_LONGEST_LIST = 64_000
"""Characters of all the ids of one task's list, as at Azure."""
_LONGEST_RANGES = 100_000
"""Ids in all the ranges of one task; Azure says no number."""


class Dependencies:
    """The dependencies among one job's tasks; tasks may be named before they exist."""

    def __init__(self) -> None:
        self._satisfied: set[str] = set()
        self._waiting: dict[str, dict[Task, None]] = {}  # in the order in which they came

    def add(self, task: Task, satisfied: Container[str] = ()) -> None:
        """Note what a new task has to wait for.

        :param satisfied: keys of tasks that it need not wait for, though they are gone.
        """
        for key in _named(task.resource.depends_on):
            if key not in self._satisfied and key not in satisfied:
                self._waiting.setdefault(key, {})[task] = None
                task.dependencies_left += 1

    def is_satisfied_by(self, task: Task) -> bool:
        """Whether a task has ended as its dependents need it."""
        return task.key in self._satisfied

    def satisfy(self, task: Task) -> list[Task]:
        """A task has ended as its dependents need it; returns those that need wait no more."""
        self._satisfied.add(task.key)
        freed = []
        for waiting in self._waiting.pop(task.key, ()):
            waiting.dependencies_left -= 1
            if waiting.dependencies_left == 0:
                freed.append(waiting)
        return freed

    def reopen(self, task: Task) -> None:
        """A task is to run again: those that come to depend on it wait."""
        self._satisfied.discard(task.key)

    def forget(self, task: Task) -> None:
        """A task is deleted."""
        self._satisfied.discard(task.key)
        if task.dependencies_left:
            for key in _named(task.resource.depends_on):
                self._waiting.get(key, {}).pop(task, None)


def check(depends_on: models.TaskDependencies | None, allowed: bool) -> None:
    """Refuse dependencies that the job or the service does not allow.

    :raises BatchServiceError: saying so.
    """
    if depends_on is None:
        return
    if not allowed:
        raise BatchServiceError("TaskDependenciesNotSpecifiedOnJob")
    ranges = depends_on.task_id_ranges or ()
    if any(span.start < 0 or span.end < span.start for span in ranges):
        raise BatchServiceError(
            "InvalidPropertyValue",
            PropertyName="taskIdRanges",
            Reason="A range begins at 0 or above and does not end before it begins.",
        )
    size = sum(len(name) for name in depends_on.task_ids or ())
    if size > _LONGEST_LIST:
        raise BatchServiceError("TaskDependencyListTooLong")
    if sum(span.end - span.start + 1 for span in ranges) > _LONGEST_RANGES:
        raise BatchServiceError("TaskDependencyRangesTooLong")


def _named(depends_on: models.TaskDependencies | None) -> Iterable[str]:
    if depends_on is None:
        return ()
    named = {name.lower() for name in depends_on.task_ids or ()}
    for span in depends_on.task_id_ranges or ():
        named.update(map(str, range(span.start, span.end + 1)))
    return named
