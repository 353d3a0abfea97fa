"""The known state of one job, shared by its job object and all its children."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from remotebatch.errors import ProviderError
from remotebatch.provider import Changes, Counts, JobRecord, Provider, TaskRecord, TaskRole
from remotebatch.status import JobStatus
from remotebatch.tracking.events import Listener, TaskEvent

_log = logging.getLogger("remotebatch")


class Watcher(Protocol):
    """Polls the provider on behalf of trackers that are waited for."""

    @property
    def provider(self) -> Provider:
        """The provider.

        :raises ProviderError: if the environment is closed.
        """

    def watching(self, tracker: Tracker) -> AbstractContextManager[None]:
        """Keep a tracker fresh meanwhile."""

    def poll_soon(self) -> None:
        """Begin the next query at once: there is something new to ask for."""


class Tracker:
    """The known state of one job. Safe to use from any thread.

    :param watcher: keeps it fresh while it is waited for.
    """

    def __init__(self, record: JobRecord, watcher: Watcher) -> None:
        self.record = record
        self.watcher = watcher
        self.completed: list[int] = []
        """Indices of the children seen to end, in that order; one that was retried appears again."""
        self.error: ProviderError | None = None
        """Why watching had to stop, such as a job that is gone."""
        self.closed = True
        """Whether the job gets no further children."""
        self._task_count = record.task_count
        self._tasks: dict[int, TaskRecord] = {}  # children that have left their first state
        self._others: dict[int, TaskRecord] = {}  # tasks of other roles
        self._finished = 0
        self._cursor = ""
        self._refreshed = float("-inf")
        self._lock = threading.RLock()
        self._explaining = threading.Lock()  # held during a query, as the other never is
        self._listeners: list[Listener] = []

    @property
    def provider(self) -> Provider:
        """The provider.

        :raises ProviderError: if the environment is closed.
        """
        return self.watcher.provider

    @property
    def cursor(self) -> str:
        """Cursor of the last change applied."""
        return self._cursor

    @property
    def task_count(self) -> int:
        """Children that the job has; it may grow while the job is not closed."""
        return self._task_count

    @property
    def finished(self) -> bool:
        """Whether every child is known to have ended, and no other will come."""
        return self.closed and self._finished == self._task_count

    def task(self, index: int) -> TaskRecord:
        """The known state of a child."""
        return self._tasks.get(index) or TaskRecord(index)

    def tasks(self) -> list[TaskRecord]:
        """The known state of every child."""
        return [self.task(index) for index in range(self._task_count)]

    def tasks_of(self, role: TaskRole) -> list[TaskRecord]:
        """The known states of the tasks of another role."""
        with self._lock:
            return [task for task in self._others.values() if task.role is role]

    def explained(self, index: int, together: Sequence[int] = ()) -> TaskRecord:
        """The known state of a child, and why it failed if it has.

        :param together: children to ask about in the same query, should this one need any.
        """
        if together and self.task(index).unexplained:
            self.explained_tasks(together)
        return self.explained_tasks([index])[0]

    def explained_tasks(self, indices: Sequence[int]) -> list[TaskRecord]:
        """The known states of children, and why they failed; one query to the provider for all of them.

        :raises ProviderError: if the provider cannot say.
        """
        tasks = [self.task(index) for index in indices]
        if not any(task.unexplained for task in tasks):
            return tasks
        with self._explaining:
            tasks = [self.task(index) for index in indices]  # another thread may just have asked
            unexplained = [task for task in tasks if task.unexplained]
            answers = self.provider.explain(self.record, unexplained) if unexplained else []
            with self._lock:
                for answer in answers:
                    self._take(answer)
        found = {answer.index: answer for answer in answers}
        return [found.get(task.index, task) for task in tasks]

    def refresh(self) -> None:
        """Ask the provider, unless all has ended or it was asked a moment ago."""
        if self.error is not None:
            raise self.error
        if self.finished or time.monotonic() - self._refreshed < self.provider.refresh_interval:
            return
        self.poll_now()

    def poll_now(self) -> None:
        """Ask the provider, also where all was known to have ended: another process may have retried it."""
        changes = self.provider.poll({self.record.id: self._cursor})
        self.apply(changes.get(self.record.id))

    def counts(self) -> Counts:
        """How many children are in each status; costs no more for many than for few."""
        if self.finished:
            with self._lock:
                succeeded = sum(task.status is JobStatus.SUCCEEDED for task in self._tasks.values())
            return Counts(succeeded=succeeded, failed=self._task_count - succeeded)
        return self.provider.counts(self.record)

    def apply(self, changes: Changes | None) -> None:
        """Take in the answer to a query, and inform the listeners."""
        with self._lock:
            self._refreshed = time.monotonic()
            if changes is None:
                return
            self._cursor = changes.cursor
            if changes.task_count is not None:
                self._task_count = max(self._task_count, changes.task_count)
            self.closed = changes.closed
            events = [event for task in changes.tasks if (event := self._take(task)) is not None]
        self._inform(events)

    def reopen(self, failed: Iterable[TaskRecord]) -> None:
        """Note that children which had failed, as given, have been given another attempt."""
        with self._lock:
            taken = [
                self._take(TaskRecord(task.index, attempts=task.attempts + 1, requeues=task.requeues))
                for task in failed
                # otherwise the state of that attempt is known already
                if _progress(self.task(task.index)) == _progress(task)
            ]
            self._refreshed = float("-inf")
        self._inform([event for event in taken if event is not None])
        self.watcher.poll_soon()

    def fail(self, error: ProviderError) -> None:
        """Inform the waiters that nothing more can be learned."""
        self.error = error
        self._inform(())

    @contextmanager
    def listening(self, listener: Listener) -> Iterator[None]:
        """Call the listener whenever something has changed, from the thread that learned of it."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def _inform(self, events: Sequence[TaskEvent]) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(events)
            except Exception:  # one listener's fault must not keep events from the others
                _log.exception("a listener of job %s failed", self.record.id)

    def _take(self, task: TaskRecord) -> TaskEvent | None:
        """Take in one task's state; None if it is older than the known one or equal to it."""
        if task.role is not TaskRole.CHILD:
            known = self._others.get(task.index) or TaskRecord(task.index, role=task.role)
        else:
            known = self.task(task.index)
        if _progress(task) < _progress(known):
            return None  # an answer that was overtaken by a newer one
        if task.unexplained and known.failure_type is not None and _progress(task) == _progress(known):
            return None  # it says less of the same
        if task.role is not TaskRole.CHILD:
            self._others[task.index] = task
        else:
            self._tasks[task.index] = task
            if known.status.final != task.status.final:
                self._finished += 1 if task.status.final else -1
                if task.status.final:
                    self.completed.append(task.index)
        if task == known:
            return None
        return TaskEvent(self.record.id, task, known, time.time())


def _progress(task: TaskRecord) -> tuple[int, int, int]:
    """Orders the states of one task; a later attempt is ahead of all of an earlier one."""
    return task.attempts, task.requeues, _RANK[task.status]


_RANK = {JobStatus.ACTIVE: 0, JobStatus.RUNNING: 1, JobStatus.SUCCEEDED: 2, JobStatus.FAILED: 2}
