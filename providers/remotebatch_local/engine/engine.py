"""Jobs and their tasks on one node: what is submitted, started, ended, retried, and told to whoever asks.

Everything here happens in one event loop; nothing blocks for long.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec

from remotebatch.errors import JobNotFound, ProviderError
from remotebatch.provider import Changes, Counts, JobListing, JobRecord, TaskRecord, UnreadableRecord
from remotebatch.provider.task_ids import numbered_index
from remotebatch.status import FailureType, JobStatus
from remotebatch_execution.runners import GRACE, Runner, TaskEnd
from remotebatch_execution.scheduler import Demand, Scheduler
from remotebatch_execution.working_directories import Scratch
from remotebatch_local.agent.watchers import Watchers
from remotebatch_local.engine.job import LocalJob
from remotebatch_local.engine.journal import Journal
from remotebatch_local.engine.outcome import Ending, Outcome, classify, found
from remotebatch_local.engine.specification import specify
from remotebatch_local.store import Store

_log = logging.getLogger(__name__)

_NODE = "local"
"""The one node there is."""
MOST_REQUEUES = 3
_FLUSH_DELAY, _FLUSH_RETRY = 0.05, 1.0
_WORTH_RETRYING = frozenset(
    {
        FailureType.USER_EXCEPTION,
        FailureType.NON_ZERO_EXIT,
        FailureType.OUT_OF_MEMORY,
        FailureType.RESULT_UNAVAILABLE,
        FailureType.SETUP_FAILED,
        FailureType.NODE_LOST,
    }
)


@dataclass(eq=False)
class _Run:
    """One task while it runs."""

    key: int
    job: LocalJob
    index: int
    gpus: tuple[int, ...]
    runner: Runner
    directory: str = ""
    started: bool = False
    follower: _Run | None = None
    """The task that the runner starts in this one's slots, on its own, the moment that this one ends."""
    recalled: bool = False
    followed_in_vain: bool = False
    """A follower could not be set up: try no other, its own turn will tell why."""
    ending: Ending | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


class Engine:
    """Runs jobs on this machine."""

    def __init__(
        self, store: Store, journal: Journal, capacity: Demand, processes: Runner, containers: Runner
    ) -> None:
        self._store = store
        self._journal = journal
        self._scheduler = Scheduler[str, str]()
        self._scheduler.add_node(_NODE, capacity)
        self._processes, self._containers = processes, containers
        self._scratch = Scratch(store.scratch)
        self._epoch = uuid.uuid4().hex[:12]
        self._jobs: dict[str, LocalJob] = {}  # in the order of submission
        self._runs: dict[tuple[str, int], _Run] = {}
        self._retries_used: dict[tuple[str, int], int] = {}
        self._changed: set[LocalJob] = set()  # since the journal was last written
        self._free_gpus = set(range(capacity.gpus))
        self.watchers = Watchers()
        self._next_key = 0
        self._dispatching = self._flushing = self._closing = False

    # -- questions --------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a task runs or waits."""
        return bool(self._runs) or not all(job.finished for job in self._jobs.values())

    @property
    def capacity(self) -> Demand:
        """Slots and GPUs of the pool."""
        return self._scheduler.capacity(_NODE)

    @property
    def free(self) -> Demand:
        """Slots and GPUs that nothing occupies."""
        return self._scheduler.free(_NODE)

    @property
    def unreadable(self) -> list[str]:
        """Why the records of some jobs cannot be read, a sentence for each such job."""
        return list(self._journal.unreadable.values())

    def jobs(self) -> list[JobListing]:
        """All jobs whose records can be read, newest first."""
        return [JobListing(job.record, job.finished, job.counts) for job in reversed(self._jobs.values())]

    def job(self, job_id: str) -> LocalJob:
        """One job.

        :raises JobNotFound: if there is none of that id.
        """
        try:
            return self._jobs[job_id]
        except KeyError:
            if job_id in self._journal.unreadable:
                raise UnreadableRecord(self._journal.unreadable[job_id]) from None
            raise JobNotFound(f"no job {job_id!r} at the Local provider under {self._store.root}") from None

    def counts(self, job_id: str) -> Counts:
        """How many of a job's tasks are in each status."""
        return self.job(job_id).counts

    def changes(self, cursors: Mapping[str, str]) -> dict[str, Changes]:
        """News of the jobs that have any."""
        news = {job_id: self.job(job_id).changes(cursor) for job_id, cursor in cursors.items()}
        return {job_id: changes for job_id, changes in news.items() if changes is not None}

    # -- orders -----------------------------------------------------------------------------

    def submit(self, record: JobRecord) -> None:
        """Take on a job whose files are stored; repeating it is harmless.

        :raises ProviderError: if it can never run, or cannot be recorded.
        """
        if record.id in self._jobs:
            return
        job = LocalJob(record, self._next_position(), self._epoch)
        self._require_room(job.demand)
        self._journal.add_job(record, job.position, job.counts)
        self._jobs[record.id] = job
        self._enqueue(job)

    def abort(self, job_id: str, indices: Iterable[int] | None, reason: str) -> None:
        """End tasks, all if None; those that have ended stay as they are."""
        job = self.job(job_id)
        wanted = None if indices is None else set(indices)
        for index in job.stop_waiting(wanted):
            task = job.task(index)
            self._update(
                job,
                TaskRecord(
                    index,
                    JobStatus.FAILED,
                    failure_type=FailureType.ABORTED,
                    reason=reason,
                    attempts=task.attempts,
                    requeues=task.requeues,
                    ended_at=time.time(),
                ),
            )
        for run in list(self._runs.values()):
            if run.job is job and (wanted is None or run.index in wanted):
                self._end(run, Ending(FailureType.ABORTED, reason))
            follower = run.follower
            if follower and follower.job is job and (wanted is None or follower.index in wanted):
                follower.ending = Ending(FailureType.ABORTED, reason)
                self._note_ending(follower, follower.ending)
                self._recall(run)
        self._enqueue(job)
        self._flush_now()

    def retry(self, job_id: str, indices: Iterable[int] | None) -> None:
        """Give failed tasks another attempt."""
        job = self.job(job_id)
        self._require_room(job.demand)
        for index in range(job.record.task_count) if indices is None else indices:
            task = job.task(index)
            if task.status is JobStatus.FAILED:
                self._retries_used.pop((job_id, index), None)
                self._wait_again(job, task)
        self._enqueue(job)
        self._flush_now()

    async def delete(self, job_id: str) -> None:
        """End a job and remove all that is stored of it."""
        job = self.job(job_id)
        self.abort(job_id, None, "the job was deleted")
        while any(run.job is job for run in self._runs.values()):
            with self.watchers.watching([job_id]) as changed:
                await changed.wait()
        if self._jobs.get(job_id) is not job:
            return  # by somebody else in the meantime
        self._changed.discard(job)
        self._journal.forget(job_id)
        del self._jobs[job_id]
        self._scratch.remove(self._store.container(job.record))
        self._scratch.remove(f"{self._store.kept}/{job_id}")
        self.watchers.notify(job_id, urgent=True)

    def resize(self, slots: int | None, gpus: int | None) -> None:
        """Change the pool's size, if nothing runs or waits.

        :raises ProviderError: if something does and the size is another.
        """
        now = self.capacity
        wanted = Demand(slots or now.slots, now.gpus if gpus is None else gpus)
        if wanted == now:
            return
        if self.busy:
            raise ProviderError(
                f"the pool under {self._store.root} has {now.slots} slots and {now.gpus} GPUs and jobs in "
                f"progress; leave out slots= and gpus= to share it as it is, or give a root= of your own"
            )
        self._scheduler.add_node(_NODE, wanted)
        self._free_gpus = set(range(wanted.gpus))

    # -- life -------------------------------------------------------------------------------

    def recover(self) -> None:
        """Take over from an agent that ended: keep what was finished, queue again what was running."""
        for record, position, counts, finished in self._journal.jobs():
            job = LocalJob(record, position, self._epoch, counts)
            self._jobs[record.id] = job
            if finished:
                job.load_later(partial(self._journal.tasks, record.id))
            else:
                self._recover_job(job)

    async def close(self) -> None:
        """End everything that runs, and queue it again for the next agent."""
        self._closing = True
        for runner in (self._processes, self._containers):
            await runner.close()
        self._flush_now()
        self._journal.close()
        self._scratch.close()

    # -- within -----------------------------------------------------------------------------

    def _require_room(self, demand: Demand) -> None:
        """Refuse what can never fit, naming what there is."""
        if demand.slots > self.capacity.slots:
            raise ProviderError(
                f"vcpu_count={demand.slots} can never run here: the pool has {self.capacity.slots} slots; "
                f'ask for less, or for more slots with SubmissionEnvironment("Local", slots=…)'
            )
        if demand.gpus > self.capacity.gpus:
            raise ProviderError(
                f"gpu_count={demand.gpus} can never run here: the pool has {self.capacity.gpus} GPUs; "
                f'if the machine has more, say so with SubmissionEnvironment("Local", gpus=…)'
            )

    def _next_position(self) -> int:
        return self._journal.next_position()

    def _recover_job(self, job: LocalJob) -> None:
        record = job.record
        job.restore(self._journal.tasks(record.id))
        # The journal may lag behind: a task has ended if it has stored the result of this attempt
        stored = {
            numbered_index(record, name) for name in os.listdir(self._store.results(record)) if name.isdigit()
        }
        for index in job.stop_waiting(stored.union(job.unsettled())):
            task = job.task(index)
            outcome = found(self._store.result(record, index), task.attempts) if index in stored else None
            if task.failure_type is not None:  # it was being ended
                self._settle(job, task, Outcome(None, task.failure_type, task.reason))
            elif outcome is not None:
                self._settle(job, task, outcome)
            elif task.status is JobStatus.RUNNING:
                self._requeue(job, task, "the local agent went away")
            else:
                job.wait_again(index)
        self._enqueue(job)

    def _enqueue(self, job: LocalJob) -> None:
        if job.has_waiting:
            self._scheduler.wait(job.record.id, job.demand, job.record.settings.job_priority, job.position)
            for run in self._runs.values():
                if run.follower and job.rank < run.follower.job.rank:
                    self._recall(run)  # it would start before its betters
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        if self._closing:
            return
        while (key := self._scheduler.next()) is not None:
            job = self._jobs.get(key)
            index = job.next_waiting() if job else None
            if job is None or index is None:
                self._scheduler.done_waiting(key)
            else:
                run = self._prepare(job, index)
                self._scheduler.take([_NODE], job.demand)
                self._begin(run)
                self._launch(run, after=None)
        self._hand_ahead()

    def _hand_ahead(self) -> None:
        """Give each running task a follower, so that its slots never wait for this process.

        Only where nothing can tell the difference: the follower is of the same job, and that job is
        the one whose turn comes next. Followers are recalled as soon as that changes.
        """
        first = self._jobs.get(self._scheduler.next(ignoring_room=True) or "")
        if first is None or not first.worth_a_kernel or first.demand.gpus:
            return
        for run in list(self._runs.values()):
            if (
                run.job is first
                and run.runner.can_prefetch
                and run.follower is None
                and run.ending is None
                and not run.followed_in_vain
            ):
                index = first.next_waiting()
                if index is None:
                    return
                run.follower = self._prepare(first, index)
                self._launch(run.follower, after=run.key)

    def _recall(self, run: _Run) -> None:
        """Have a follower not follow."""
        follower = run.follower
        if follower is not None and not follower.recalled:
            follower.recalled = True
            run.runner.revoke(follower.key, run.key, partial(self._recalled, run, follower))

    def _recalled(self, run: _Run, follower: _Run) -> None:
        run.follower = None
        self._never_began(follower)

    def _never_began(self, run: _Run) -> None:
        """A task that was handed ahead but never began waits as before, or is ended if it was to be."""
        self._tidy(run, keep=False)
        if run.ending is None:
            run.job.wait_again(run.index)
        else:
            task = run.job.task(run.index)
            self._settle(run.job, task, Outcome(None, run.ending.failure_type, run.ending.reason))
        self._enqueue(run.job)

    def _prepare(self, job: LocalJob, index: int) -> _Run:
        gpus = tuple(sorted(self._free_gpus)[: job.demand.gpus])
        self._free_gpus.difference_update(gpus)
        runner = self._containers if job.record.settings.container_image else self._processes
        self._next_key += 1
        return _Run(self._next_key, job, index, gpus, runner)

    def _launch(self, run: _Run, after: int | None) -> None:
        job, task = run.job, run.job.task(run.index)
        try:
            if task.attempts > 1 or task.requeues:
                self._put_aside(job, task)
            run.directory = self._scratch.take()
            _make_directory(self._store.logs(job.record, run.index))
            spec = specify(self._store, job, task, run.key, run.directory, run.gpus)
            run.runner.start(spec, partial(self._arm, run), partial(self._ended, run), after)
        except Exception as error:  # a full disk, inputs gone from the store: this task's failure alone
            _log.exception("task %s of job %s could not start", run.index, job.record.id)
            end = TaskEnd(
                failure=FailureType.SETUP_FAILED.value, message=f"the task could not start: {error}"
            )
            asyncio.get_running_loop().call_soon(self._ended, run, end)

    def _begin(self, run: _Run) -> None:
        """A task has begun, in slots that have been taken for it."""
        job = run.job
        run.started = True
        self._runs[job.record.id, run.index] = run
        self._update(job, _with(job.task(run.index), status=JobStatus.RUNNING, started_at=time.time()))

    def _arm(self, run: _Run) -> None:
        """The task itself has begun: from here its time counts."""
        limit = run.job.record.settings.time_limit
        if limit is not None:
            reason = f"ran longer than its time_constraint of {limit:g} s"
            self._later(run, limit, partial(self._end, run, Ending(FailureType.TIMED_OUT, reason)))

    def _put_aside(self, job: LocalJob, task: TaskRecord) -> None:
        """Make room for another run: keep the streams of earlier attempts, forget all else they left."""
        store, record = self._store, job.record
        logs = store.logs(record, task.index)
        kept = f"{logs}/attempt-{task.attempts - 1}"
        if task.attempts > 1 and os.path.isdir(logs) and not os.path.exists(kept):
            os.mkdir(kept)
            for name in ("stdout.txt", "stderr.txt"):
                if os.path.exists(f"{logs}/{name}"):
                    os.rename(f"{logs}/{name}", f"{kept}/{name}")
        self._scratch.remove(store.result(record, task.index))
        self._scratch.remove(store.outputs(record, task.index))
        self._scratch.remove(store.kept_directory(record, task.index))

    def _end(self, run: _Run, ending: Ending) -> None:
        """End a running task on purpose: SIGTERM, and after a while SIGKILL."""
        if run.ending is None:
            run.ending = ending
            self._note_ending(run, ending)
            run.runner.signal(run.key, signal.SIGTERM)
            self._later(run, GRACE, partial(run.runner.signal, run.key, signal.SIGKILL))

    def _note_ending(self, run: _Run, ending: Ending) -> None:
        """Record that a task is being ended, so that no later agent starts it anew."""
        task = run.job.task(run.index)
        self._update(run.job, _with(task, failure_type=ending.failure_type, reason=ending.reason))

    def _later(self, run: _Run, delay: float, action: partial[None]) -> None:
        run.timers.append(asyncio.get_running_loop().call_later(delay, action))

    def _ended(self, run: _Run, end: TaskEnd) -> None:
        """A run is over, with all that it started."""
        job, task = run.job, run.job.task(run.index)
        if not run.started:  # a follower that could not be handed over, or whose runner went away
            self._drop_follower(run)
            return
        for timer in run.timers:
            timer.cancel()
        del self._runs[job.record.id, run.index]
        self._free_gpus.update(run.gpus)
        if run.follower is not None and not end.lost:
            self._succeed(run.follower)
        else:
            self._scheduler.give_back([_NODE], job.demand)
        self._dispatch()  # before the book-keeping, so that no slot stands idle during it
        if end.lost and run.ending is None:
            self._tidy(run, keep=False)
            self._requeue(job, task, end.message)
        else:
            result = self._store.result(job.record, run.index) if job.record.function else None
            outcome = classify(end, run.ending, result)
            self._tidy(run, keep=outcome.failure_type is not None)
            self._settle(job, task, outcome)
        self._enqueue(job)

    def _succeed(self, follower: _Run) -> None:
        """A follower has begun in the slots of the task before it."""
        self._begin(follower)
        self._arm(follower)
        if follower.ending is not None:
            ending, follower.ending = follower.ending, None
            self._end(follower, ending)

    def _drop_follower(self, follower: _Run) -> None:
        for run in self._runs.values():
            if run.follower is follower:
                run.follower = None
                run.followed_in_vain = True
        self._never_began(follower)

    def _tidy(self, run: _Run, keep: bool) -> None:
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

    def _settle(self, job: LocalJob, task: TaskRecord, outcome: Outcome) -> None:
        """A task has come to an end; if it failed and may be tried again, it waits again."""
        ended = _with(
            task,
            status=JobStatus.SUCCEEDED if outcome.failure_type is None else JobStatus.FAILED,
            exit_code=outcome.exit_code,
            failure_type=outcome.failure_type,
            reason=outcome.reason,
            ended_at=time.time(),
        )
        key = (job.record.id, task.index)
        used = self._retries_used.get(key, 0)
        if outcome.failure_type in _WORTH_RETRYING and used < job.record.settings.max_retries:
            self._retries_used[key] = used + 1
            self._wait_again(job, ended)
        else:
            self._retries_used.pop(key, None)
            self._update(job, ended)

    def _requeue(self, job: LocalJob, task: TaskRecord, why: str) -> None:
        """What ran a task went away; that is no attempt of the task's, up to a limit."""
        if task.requeues < MOST_REQUEUES:
            again = TaskRecord(task.index, attempts=task.attempts, requeues=task.requeues + 1, reason=why)
            self._update(job, again)
            job.wait_again(task.index)
        else:
            reason = f"lost {task.requeues + 1} times while running, the last time because {why}"
            self._settle(job, task, Outcome(None, FailureType.NODE_LOST, reason))

    def _wait_again(self, job: LocalJob, task: TaskRecord) -> None:
        """Another attempt of a task; the reason tells of the one before."""
        again = TaskRecord(
            task.index,
            attempts=task.attempts + 1,
            requeues=task.requeues,
            reason=f"attempt {task.attempts} failed: {task.failure_type}: {task.reason}",
        )
        self._update(job, again)
        job.wait_again(task.index)

    def _update(self, job: LocalJob, task: TaskRecord) -> None:
        job.update(task)
        self._journal.note_task(job.record.id, task)
        self._changed.add(job)
        if task.status.final and job.record.function is None:
            self._flush_now()  # a command leaves no result object to tell a later agent of its end
        self.watchers.notify(job.record.id, urgent=job.finished)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(_FLUSH_DELAY, self._flush)

    def _flush(self) -> None:
        self._flushing = not self._flush_now()
        if self._flushing:
            asyncio.get_running_loop().call_later(_FLUSH_RETRY, self._flush)

    def _flush_now(self) -> bool:
        for job in self._changed:
            self._journal.note_job(job.record.id, job.counts, job.finished)
        self._changed.clear()
        return self._journal.flush()


def _with(task: TaskRecord, **changes: object) -> TaskRecord:
    return msgspec.structs.replace(task, **changes)


def _make_directory(path: str) -> None:
    """``makedirs`` for the case that the parent is missing and nothing else: it is on the hot path."""
    try:
        os.mkdir(os.path.dirname(path))
        os.mkdir(path)
    except FileExistsError:
        os.makedirs(path, exist_ok=True)
