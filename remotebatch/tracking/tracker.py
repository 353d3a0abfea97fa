"""What this process knows of a job, kept fresh for everyone who asks.

One :class:`Tracker` stands for one job and is shared by its job object and all its children. One
:class:`Monitor` a provider polls on behalf of every waiter: an array of any size, waited for by any
number of threads, costs one query a tick.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from remotebatch.errors import ProviderError, ProviderUnavailable
from remotebatch.provider.base import Provider, Wake
from remotebatch.provider.records import Changes, Counts, JobRecord, TaskRecord
from remotebatch.status import JobStatus

_LONG_POLL = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0


class Tracker:
    """The known state of one job. Safe to use from any thread."""

    def __init__(self, provider: Provider, record: JobRecord) -> None:
        self.provider = provider
        self.record = record
        self.completed: list[int] = []
        """Indices of the tasks seen to end, in that order; one that was retried appears again."""
        self.error: ProviderError | None = None
        """Why watching had to stop: the job is gone."""
        self._tasks: dict[int, TaskRecord] = {}  # those not Active since ever
        self._finished = 0
        self._cursor = ""
        self._refreshed = float("-inf")
        self._lock = threading.RLock()
        self._explaining = threading.Lock()  # held during a query, as the other never is
        self._listeners: list[Callable[[], None]] = []

    @property
    def cursor(self) -> str:
        """Cursor of the last change applied."""
        return self._cursor

    @property
    def finished(self) -> bool:
        """Whether every task is known to have ended."""
        return self._finished == self.record.task_count

    def task(self, index: int) -> TaskRecord:
        """What is known of a task."""
        return self._tasks.get(index) or TaskRecord(index)

    def tasks(self) -> list[TaskRecord]:
        """What is known of every task."""
        return [self.task(index) for index in range(self.record.task_count)]

    def explained(self, index: int, together: Sequence[int] = ()) -> TaskRecord:
        """What is known of a task, with why it failed where it has.

        :param together: tasks to ask about in the same query, should this one need any.
        """
        if together and self.task(index).unexplained:
            self.explained_tasks(together)
        return self.explained_tasks([index])[0]

    def explained_tasks(self, indices: Sequence[int]) -> list[TaskRecord]:
        """What is known of some tasks, with why they failed; asked of the provider once, for all together.

        :raises ProviderError: if the provider cannot tell.
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
        self.look_again()

    def counts(self) -> Counts:
        """How many tasks are in each status; costs no more for many than for few."""
        if self.finished:
            succeeded = sum(task.status is JobStatus.SUCCEEDED for task in self._tasks.values())
            return Counts(succeeded=succeeded, failed=self.record.task_count - succeeded)
        return self.provider.counts(self.record)

    def apply(self, changes: Changes | None) -> None:
        """Take in what a query told, and let the listeners know."""
        with self._lock:
            self._refreshed = time.monotonic()
            if changes is None:
                return
            self._cursor = changes.cursor
            for task in changes.tasks:
                self._take(task)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def reopen(self, failed: Iterable[TaskRecord]) -> None:
        """Know that tasks which had failed, as given, have been given another attempt."""
        with self._lock:
            for task in failed:
                # else it is known already what became of that attempt
                if _progress(self.task(task.index)) == _progress(task):
                    self._take(TaskRecord(task.index, attempts=task.attempts + 1, requeues=task.requeues))
            self._refreshed = float("-inf")
        if self.provider.monitor is not None:
            self.provider.monitor.look_again()

    def look_again(self) -> None:
        """Ask the provider, also where all was known to have ended: somebody else may have retried it."""
        changes = self.provider.poll({self.record.id: self._cursor}, 0.0, _NEVER)
        self.apply(changes.get(self.record.id))

    def fail(self, error: ProviderError) -> None:
        """Tell the waiters that nothing more can be learnt."""
        self.error = error
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @contextmanager
    def listening(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call the listener, from the monitor's thread, whenever something has changed."""
        with self._lock:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    def _take(self, task: TaskRecord) -> None:
        known = self.task(task.index)
        if _progress(task) < _progress(known):
            return  # an answer that was overtaken by a newer one
        if task.unexplained and known.failure_type is not None and _progress(task) == _progress(known):
            return  # it tells less of the same
        self._tasks[task.index] = task
        if known.status.final != task.status.final:
            self._finished += 1 if task.status.final else -1
            if task.status.final:
                self.completed.append(task.index)


def _progress(task: TaskRecord) -> tuple[int, int, int]:
    """Orders what may be told of one task; a later attempt is ahead of all of an earlier one."""
    return task.attempts, task.requeues, _RANK[task.status]


_RANK = {JobStatus.ACTIVE: 0, JobStatus.RUNNING: 1, JobStatus.SUCCEEDED: 2, JobStatus.FAILED: 2}


class Monitor:
    """Polls one provider for all the jobs that somebody waits for."""

    def __init__(self, provider: Provider) -> None:
        self.process = os.getpid()
        self._provider = provider
        self._wake = Wake()
        self._lock = threading.Lock()
        self._watched: dict[Tracker, int] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, tracker: Tracker) -> Iterator[None]:
        """Keep the tracker fresh."""
        with self._lock:
            watchers = self._watched[tracker] = self._watched.get(tracker, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="remotebatch-monitor", daemon=True)
                self._thread.start()
        if watchers == 1:  # else the query that is under way is about this job too
            self._wake.set()
        try:
            yield
        finally:
            with self._lock:
                self._watched[tracker] -= 1
                if not self._watched[tracker]:
                    del self._watched[tracker]

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            self._wake.clear()
            with self._lock:
                trackers = {
                    tracker.record.id: tracker
                    for tracker in self._watched
                    if not tracker.finished and tracker.error is None
                }
            if not trackers:
                if self._wake.wait(_LONG_POLL) or not self._retire():
                    continue
                return
            cursors = {job_id: tracker.cursor for job_id, tracker in trackers.items()}
            try:
                news = self._provider.poll(cursors, _LONG_POLL, self._wake)
            except ProviderUnavailable:
                # a failed query is not a failed job: ask again, ever less often
                self._wake.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            except ProviderError:
                if not self._find_the_lost(trackers):
                    self._wake.wait(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            except Exception as error:  # whoever waits must hear of it, for nobody else asks
                for tracker in trackers.values():
                    tracker.fail(ProviderError(f"job {tracker.record.id} cannot be watched: {error!r}"))
                continue
            pause = _FIRST_PAUSE
            for job_id, changes in news.items():
                trackers[job_id].apply(changes)

    def look_again(self) -> None:
        """Begin the next query at once: there is something new to ask for."""
        self._wake.set()

    def _retire(self) -> bool:
        with self._lock:
            if self._watched:
                return False
            self._thread = None
            return True

    def _find_the_lost(self, trackers: dict[str, Tracker]) -> bool:
        """Some job cannot be polled; find out which, so that the others go on. Tell if there is one."""
        lost = False
        for tracker in trackers.values():
            try:
                tracker.look_again()
            except ProviderUnavailable:
                continue
            except ProviderError as error:
                tracker.fail(error)
                lost = True
        return lost


_NEVER = Wake()
_trackers_lock = threading.Lock()


def tracker_of(provider: Provider, record: JobRecord) -> Tracker:
    """The one tracker of a job in this process: all handles on the job know what any of them learns."""
    with _trackers_lock:
        tracker = provider.trackers.get(record.id)
        if tracker is None:
            tracker = provider.trackers[record.id] = Tracker(provider, record)
        return tracker


_monitors_lock = threading.Lock()


def _monitor(provider: Provider) -> Monitor:
    """The one monitor of a provider."""
    with _monitors_lock:
        if provider.monitor is None or provider.monitor.process != os.getpid():  # a fork has no threads
            provider.monitor = Monitor(provider)
        return provider.monitor


@contextmanager
def watching(trackers: Iterable[Tracker], listener: Callable[[], None]) -> Iterator[None]:
    """Keep several jobs fresh and hear of their changes, whatever providers they are at."""
    with ExitStack() as stack:
        for tracker in dict.fromkeys(trackers):
            stack.enter_context(tracker.listening(listener))
            stack.enter_context(_monitor(tracker.provider).watching(tracker))
        yield


def wait_until(trackers: Iterable[Tracker], reached: Callable[[], bool], timeout: float | None) -> bool:
    """Block until ``reached()`` holds, looking anew after each change.

    :returns: whether it holds; False when the time, in seconds, was up first.
    :raises ProviderError: if one of the jobs cannot be watched any more.
    """
    if reached():
        return True
    known = list(trackers)
    deadline = None if timeout is None else time.monotonic() + timeout
    changed = threading.Event()
    with watching(known, changed.set):
        while not reached():
            for tracker in known:
                if tracker.error is not None:
                    raise tracker.error
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                return False
            changed.wait(remaining)
            changed.clear()
    return True
