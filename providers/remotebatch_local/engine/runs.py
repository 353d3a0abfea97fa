"""The tasks that run: started as slots become free, prefetched, stopped, and ended."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec

from remotebatch.provider import TaskRecord
from remotebatch.status import FailureType, JobStatus
from remotebatch_execution.runners import GRACE, Runner, TaskEnd
from remotebatch_execution.working_directories import Scratch
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.engine.outcome import StopRequest, classify
from remotebatch_local.engine.progress import Progress
from remotebatch_local.engine.settlement import Settlement
from remotebatch_local.engine.slots import Slots
from remotebatch_local.engine.specification import specify
from remotebatch_local.settings import settings_of
from remotebatch_local.store import Store

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Run:
    """One task while it runs, or while it is prefetched."""

    key: int
    job: LocalJob
    index: int
    gpus: tuple[int, ...]
    runner: Runner
    directory: str = ""
    started: bool = False
    prefetched: Run | None = None
    """The task that the runner starts in this one's slots, on its own, the moment that this one ends."""
    revoked: bool = False
    prefetch_failed: bool = False
    """A prefetched task could not be set up: prefetch no other; when its turn comes, it reports why."""
    stop: StopRequest | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Runs:
    """Starts the tasks of queued jobs and settles them when they end.

    :param jobs: all jobs by their ids, as they are at any time.
    """

    def __init__(
        self,
        jobs: Mapping[str, LocalJob],
        store: Store,
        slots: Slots,
        processes: Runner,
        containers: Runner,
        progress: Progress,
        settlement: Settlement,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._slots = slots
        self._processes, self._containers = processes, containers
        self._progress, self._settlement = progress, settlement
        self._scratch = Scratch(store.scratch)
        self._runs: dict[tuple[str, int], Run] = {}
        self._next_key = 0
        self._dispatching = self._closing = False

    @property
    def busy(self) -> bool:
        """Whether any task runs."""
        return bool(self._runs)

    def any_of(self, job: LocalJob) -> bool:
        """Whether any task of a job runs."""
        return any(run.job is job for run in self._runs.values())

    def queue(self, job: LocalJob) -> None:
        """Start the waiting tasks of a job, if it has any, when its turn comes."""
        if job.has_waiting:
            self._slots.queue(job)
            for run in self._runs.values():
                if run.prefetched and job.rank < run.prefetched.job.rank:
                    self._revoke(run)  # it would start before those that come first
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def stop(self, job: LocalJob, indices: Collection[int] | None, stop: StopRequest) -> None:
        """End running tasks of a job, all if None."""
        for run in list(self._runs.values()):
            if _is_meant(run, job, indices):
                self._stop(run, stop)
            prefetched = run.prefetched
            if prefetched and _is_meant(prefetched, job, indices):
                prefetched.stop = stop
                self._note_stop(prefetched, stop)
                self._revoke(run)

    def remove_files(self, *paths: str) -> None:
        """Remove files or trees, in the background."""
        for path in paths:
            self._scratch.remove(path)

    async def close(self) -> None:
        """End everything that runs; it is requeued."""
        self._closing = True
        for runner in (self._processes, self._containers):
            await runner.close()

    def close_scratch(self) -> None:
        """Finish removing files."""
        self._scratch.close()

    # -- starting ---------------------------------------------------------------------------

    def _dispatch(self) -> None:
        self._dispatching = False
        if self._closing:
            return
        while (key := self._slots.next()) is not None:
            job = self._jobs.get(key)
            index = job.next_waiting() if job else None
            if job is None or index is None:
                self._slots.unqueue(key)
            else:
                run = self._prepare(job, index)
                self._slots.take_slots(job.demand)
                self._begin(run)
                self._launch(run, after=None)
        self._prefetch()

    def _prefetch(self) -> None:
        """Prefetch a task for each running one, so that its slots never wait for this process.

        Only where it makes no difference otherwise: the prefetched task is of the same job, and that job
        is the one whose turn comes next. It is revoked as soon as that changes.
        """
        for run, first in self._lacking_prefetched():
            index = first.next_waiting()
            if index is None:
                return
            run.prefetched = self._prepare(first, index)
            self._launch(run.prefetched, after=run.key)

    def _lacking_prefetched(self) -> Iterator[tuple[Run, LocalJob]]:
        first = self._jobs.get(self._slots.next(ignoring_room=True) or "")
        if first is None or not first.worth_a_fork_server or first.demand.gpus:
            return
        for run in list(self._runs.values()):
            if (
                run.job is first
                and run.runner.can_prefetch
                and run.prefetched is None
                and run.stop is None
                and not run.prefetch_failed
            ):
                yield run, first

    def _prepare(self, job: LocalJob, index: int) -> Run:
        gpus = self._slots.take_gpus(job.demand.gpus)
        runner = self._containers if settings_of(job.record).container_image else self._processes
        self._next_key += 1
        return Run(self._next_key, job, index, gpus, runner)

    def _launch(self, run: Run, after: int | None) -> None:
        job, task = run.job, run.job.task(run.index)
        try:
            if task.attempts > 1 or task.requeues:
                self._clear_earlier_run(job, task)
            run.directory = self._scratch.take()
            _make_directory(self._store.logs(job.record, run.index))
            spec = specify(self._store, job, task, run.key, run.directory, run.gpus)
            run.runner.start(spec, partial(self._start_clock, run), partial(self._ended, run), after)
        except Exception as error:  # a full disk, inputs gone from the store: this task's failure alone
            _log.exception("task %s of job %s could not start", run.index, job.record.id)
            end = TaskEnd(
                failure=FailureType.SETUP_FAILED.value, message=f"the task could not start: {error}"
            )
            asyncio.get_running_loop().call_soon(self._ended, run, end)

    def _clear_earlier_run(self, job: LocalJob, task: TaskRecord) -> None:
        """Keep the streams of an earlier attempt and remove all else that it left."""
        store, record = self._store, job.record
        logs = store.logs(record, task.index)
        kept = f"{logs}/attempt-{task.attempts - 1}"
        if task.attempts > 1 and os.path.isdir(logs) and not os.path.exists(kept):
            os.mkdir(kept)
            for name in ("stdout.txt", "stderr.txt"):
                if os.path.exists(f"{logs}/{name}"):
                    os.rename(f"{logs}/{name}", f"{kept}/{name}")
        self.remove_files(
            store.result(record, task.index),
            store.outputs(record, task.index),
            store.kept_directory(record, task.index),
        )

    def _begin(self, run: Run) -> None:
        """A task has begun, in slots that have been taken for it."""
        job = run.job
        run.started = True
        self._runs[job.record.id, run.index] = run
        task = job.task(run.index)
        began = msgspec.structs.replace(task, status=JobStatus.RUNNING, started_at=time.time())
        self._progress.update(job, began)

    def _start_clock(self, run: Run) -> None:
        """The task itself has begun: its time constraint counts from here."""
        limit = run.job.record.settings.time_limit
        if limit is not None:
            reason = f"ran longer than its time_constraint of {limit:g} s"
            self._later(run, limit, partial(self._stop, run, StopRequest(FailureType.TIMED_OUT, reason)))

    # -- stopping ---------------------------------------------------------------------------

    def _stop(self, run: Run, stop: StopRequest) -> None:
        """End a running task on purpose: SIGTERM, and after a while SIGKILL."""
        if run.stop is None:
            run.stop = stop
            self._note_stop(run, stop)
            run.runner.signal(run.key, signal.SIGTERM)
            self._later(run, GRACE, partial(run.runner.signal, run.key, signal.SIGKILL))

    def _note_stop(self, run: Run, stop: StopRequest) -> None:
        """Record that a task is being ended, so that no later agent starts it again."""
        task = run.job.task(run.index)
        noted = msgspec.structs.replace(task, failure_type=stop.failure_type, reason=stop.reason)
        self._progress.update(run.job, noted)

    def _later(self, run: Run, delay: float, action: Callable[[], None]) -> None:
        run.timers.append(asyncio.get_running_loop().call_later(delay, action))

    def _revoke(self, run: Run) -> None:
        """Revoke the task that was prefetched for a run."""
        prefetched = run.prefetched
        if prefetched is not None and not prefetched.revoked:
            prefetched.revoked = True
            run.runner.revoke(prefetched.key, run.key, partial(self._revoked, run, prefetched))

    def _revoked(self, run: Run, prefetched: Run) -> None:
        run.prefetched = None
        self._never_began(prefetched)

    # -- ends -------------------------------------------------------------------------------

    def _ended(self, run: Run, end: TaskEnd) -> None:
        """A run is over, with all that it started."""
        job, task = run.job, run.job.task(run.index)
        if not run.started:  # a prefetched task that could not be set up, or whose runner went away
            self._drop_prefetched(run)
            return
        for timer in run.timers:
            timer.cancel()
        del self._runs[job.record.id, run.index]
        self._slots.give_back_gpus(run.gpus)
        if run.prefetched is not None and not end.lost:
            self._begin_prefetched(run.prefetched)
        else:
            self._slots.give_back_slots(job.demand)
        self._dispatch()  # before the book-keeping, so that no slot stands idle during it
        if end.lost and run.stop is None:
            self._tidy(run, keep=False)
            self._settlement.requeue(job, task, end.message)
        else:
            result = self._store.result(job.record, run.index) if job.record.function else None
            outcome = classify(end, run.stop, result)
            self._tidy(run, keep=outcome.failure_type is not None)
            self._settlement.settle(job, task, outcome)
        self.queue(job)

    def _begin_prefetched(self, run: Run) -> None:
        """A prefetched task has begun, in the slots of the task before it."""
        self._begin(run)
        self._start_clock(run)
        if run.stop is not None:
            stop, run.stop = run.stop, None
            self._stop(run, stop)

    def _drop_prefetched(self, prefetched: Run) -> None:
        for run in self._runs.values():
            if run.prefetched is prefetched:
                run.prefetched = None
                run.prefetch_failed = True
        self._never_began(prefetched)

    def _never_began(self, run: Run) -> None:
        """A prefetched task that never began waits as before, or has ended if it was to be stopped."""
        self._tidy(run, keep=False)
        if run.stop is None:
            run.job.wait_again(run.index)
        else:
            self._settlement.stop(run.job, run.job.task(run.index), run.stop)
        self.queue(run.job)

    def _tidy(self, run: Run, keep: bool) -> None:
        """Give back the working directory.

        :param keep: whether to keep what the task left there.
        """
        if not run.directory:
            return
        record, store = run.job.record, self._store
        try:
            self._scratch.give_back(
                run.directory,
                outputs=store.outputs(record, run.index),
                keep=store.kept_directory(record, run.index) if keep else None,
            )
        except OSError as error:
            _log.error("cannot put away %s: %s", run.directory, error)


def _is_meant(run: Run, job: LocalJob, indices: Collection[int] | None) -> bool:
    return run.job is job and (indices is None or run.index in indices)


def _make_directory(path: str) -> None:
    """``makedirs`` for the case that the parent is missing and nothing else: it is on the hot path."""
    try:
        os.mkdir(os.path.dirname(path))
        os.mkdir(path)
    except FileExistsError:
        os.makedirs(path, exist_ok=True)
