"""One run of a task on its nodes: get ready, run with its retries, store what it wrote."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from azurebatch_emulator.execution import output_files, resource_files
from azurebatch_emulator.execution.environment import set_variables, task_variables
from azurebatch_emulator.execution.instances import Instances
from azurebatch_emulator.execution.machine import MOST_LOSSES, Attempt, Command, Machine
from azurebatch_emulator.execution.transfers import Transfer, TransferStopped
from azurebatch_emulator.execution.visits import JobVisits
from azurebatch_emulator.protocol.failures import TaskFailure, nonzero_exit_code, wall_clock_exceeded
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.outcome import TaskOutcome, failure_info
from azurebatch_emulator.state.task import Task

_LONGEST_TIMER = 1e7  # seconds; the event loop takes no much longer ones
_OF_TASK_DIRECTORY = ("certs", "wd")
Value = TypeVar("Value")
_log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The run has been asked to end."""


class TaskRun:
    """A task while it occupies nodes; the first of them is the one that it is said to run on."""

    def __init__(
        self,
        task: Task,
        nodes: list[Node],
        machine: Machine,
        visits: JobVisits,
        after: TaskRun | None,
        losses: int,
    ) -> None:
        """Nothing happens yet.

        :param losses: how often in a row what ran the task has gone away.
        :param after: an earlier run that uses the same directories, and is about to end.
        """
        self.task = task
        self.nodes = nodes
        self.over = asyncio.Event()
        self.is_unprepared = False
        """Whether the job's preparation has failed on one of the nodes, so that the task waits for others."""
        self.losses = losses
        self._after = after
        self._machine = machine
        self._visits = visits
        self._key = machine.next_key()
        self._stopped = asyncio.Event()
        self._wanted: TaskOutcome | None = None  # how it is to end, if it was stopped; None to wait again
        self._attempt: Attempt | None = None
        self._under_way: Transfer | None = None
        self._began: float | None = None  # by the loop's clock, while its time counts
        self._limit: asyncio.TimerHandle | None = None
        self._forgotten = False
        job_id, task_id = task.job.resource.id, task.resource.id
        self._info = nodes[0].info(job_id, task_id)
        self._directories = [node.task_directory(job_id, task_id) for node in nodes]
        self._instances = (
            Instances(task, nodes, machine) if task.resource.multi_instance_settings is not None else None
        )
        self._environment = {
            **task_variables(nodes[0], job_id, task_id),
            **(self._instances.variables() if self._instances else {}),
            **set_variables(task.job.resource.common_environment_settings),
            **set_variables(task.resource.environment_settings),
        }

    @property
    def directory(self) -> str:
        """Where its streams are, on the first node."""
        return self._directories[0]

    @property
    def is_stopping(self) -> bool:
        """Whether it is about to end, on request."""
        return self._stopped.is_set()

    def stop(self, outcome: TaskOutcome | None) -> None:
        """End the run.

        :param outcome: how the task ends by it; None if it is to wait again.
        """
        if self._under_way is not None:
            self._under_way.stop()
        if self.is_stopping:
            return
        self._wanted = outcome
        self._stopped.set()
        if self._attempt is not None:
            if outcome is None:
                self._attempt.kill()  # the node is gone for it
            else:
                self._attempt.stop()

    def update_limit(self) -> None:
        """Have the task stopped when it has run for as long as it may."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        limit = self.task.wall_clock_limit
        if limit is not None and self._began is not None:
            loop = asyncio.get_running_loop()
            due = self._began + min(limit, _LONGEST_TIMER)
            self._limit = loop.call_at(due, self.stop, TaskOutcome.failed(wall_clock_exceeded()))

    def forget_files(self) -> None:
        """Remove what it has written when it is over: the task is deleted."""
        self._forgotten = True

    async def to_the_end(self) -> bool:
        """Carry it out; returns whether the task has ended, else it waits again."""
        task = self.task
        for number, node in enumerate(self.nodes):
            node.note_began(self._key, task, number if task.instances > 1 else None)
        try:
            try:
                outcome = await self._outcome()
            finally:
                self._end_time()
                if self._instances is not None:
                    await self._instances.end()
            if outcome is not None:
                task.complete(outcome)
            elif self.is_unprepared:
                task.wait_again()
            else:
                task.requeue()
        finally:
            for node in self.nodes:
                node.note_ended(self._key)
            if self._forgotten:
                self._machine.discard(self._directories)
        if outcome is None:
            self._machine.discard(self._directories)  # the next run may be on other nodes
        return outcome is not None

    # -- within -----------------------------------------------------------------------------

    async def _outcome(self) -> TaskOutcome | None:
        """How the task ends; None if it is to wait again."""
        try:
            return await self._run()
        except _Stopped:
            return self._wanted
        except TaskFailure as failure:
            return TaskOutcome.failed(failure)
        except Exception as error:  # any other error must not leave the task running for ever
            _log.exception("task %s of job %s", self.task.resource.id, self.task.job.resource.id)
            return TaskOutcome.failed(
                TaskFailure("InternalError", Message=f"{type(error).__name__}: {error}")
            )

    async def _run(self) -> TaskOutcome | None:
        if not await self._prepare_job():
            return None
        await self._get_ready()
        while True:
            outcome = await self._try()
            if outcome is None or not self.task.may_retry(outcome):
                break
            self.task.retry()
            self._begin_time()
        self._end_time()
        if outcome is not None and not self._forgotten:
            outcome = await self._store_outputs(outcome)
        return outcome

    async def _prepare_job(self) -> bool:
        """Start, after the job's preparation if there is one; returns whether the nodes may run the task."""
        task, job = self.task, self.task.job
        if job.resource.job_preparation_task is not None:
            task.prepare(self._info)
            visits = [self._visits.on(node) for node in self.nodes]
            prepared = await self._unless_stopped(asyncio.gather(*(visit.prepare() for visit in visits)))
            self.is_unprepared = not all(prepared)
            if self.is_unprepared:
                return False
            self._environment = visits[0].variables() | self._environment
        task.start(self._info)
        self._begin_time()
        return True

    async def _get_ready(self) -> None:
        """Everything that has to be there before the command starts."""
        task = self.task
        if self._after is not None:
            await self._unless_stopped(self._after.over.wait())
        self._machine.discard(self._directories)  # of a run before this one
        try:
            for directory in self._directories:
                for name in _OF_TASK_DIRECTORY:
                    os.makedirs(os.path.join(directory, name))
        except OSError as error:
            raise TaskFailure("ResourceDirectoryCreateFailed", Message=str(error)) from error
        if task.resource.container_settings is not None and not self.nodes[0].pool.runs_containers:
            raise TaskFailure("ContainerPoolNotSupported")
        if self._instances is not None:
            await self._transfer(self._instances.fetch_files)
        files = task.resource.resource_files
        if files:
            wd = os.path.join(self.directory, "wd")
            await self._transfer(lambda stop: resource_files.fetch(files, wd, self._machine.storage, stop))

    async def _try(self) -> TaskOutcome | None:
        """Run the command once."""
        if self._instances is not None:
            failed = await self._unless_stopped(self._instances.coordinate())
            if failed is not None:
                return failed
        if self.is_stopping:
            raise _Stopped
        task, node = self.task.resource, self.nodes[0]
        self._attempt = self._machine.attempt(
            Command(
                label=(self.task.job.resource.id, task.id),
                command_line=task.command_line,
                directory=self.directory,
                node_root=node.root,
                environment=self._environment,
                container=task.container_settings,
                registries=node.pool.container_registries,
                alone=self.losses > 0,
            )
        )
        self._attempt.start()
        try:
            end = await self._attempt.end()
        except asyncio.CancelledError:  # the service ends
            self._attempt.kill()
            raise
        if self.is_stopping:
            wanted = self._wanted
            return None if wanted is None else TaskOutcome(end.exit_code, wanted.failure, end.container)
        if end.lost:
            self.losses += 1
            if self.losses > MOST_LOSSES:
                raise TaskFailure("TaskLost")
            return None
        self.losses = 0
        if end.failure is not None:
            return TaskOutcome.failed(end.failure)
        if end.exit_code == 0:
            return TaskOutcome(0, container=end.container)
        return TaskOutcome.failed(nonzero_exit_code(), end.exit_code, end.container)

    async def _store_outputs(self, outcome: TaskOutcome) -> TaskOutcome:
        files = self.task.resource.output_files
        if not files:
            return outcome
        directory = self.directory
        storage, environment = self._machine.storage, self._environment

        def upload(stop: threading.Event) -> None:
            wd = os.path.join(directory, "wd")
            output_files.upload(files, wd, environment, outcome.succeeded, directory, storage, stop)

        failure = None
        try:
            await self._carry_out(upload)  # also for a task that was stopped while it ran
        except TransferStopped:
            if self._wanted is None:
                raise _Stopped from None
            failure = self._wanted.failure
        except TaskFailure as failed:
            failure = failure_info(failed)
        except Exception as error:  # any other error: the task has run, and its exit code counts
            _log.warning(
                "output of task %s of job %s: %s", self.task.resource.id, self.task.job.resource.id, error
            )
            failure = failure_info(TaskFailure("FileUploadMiscError", Message=str(error)))
        return TaskOutcome(outcome.exit_code, failure, outcome.container) if outcome.succeeded else outcome

    async def _transfer(self, work: Callable[[threading.Event], None]) -> None:
        """Fetch files, unless the run is to end."""
        try:
            await self._carry_out(work)
        except TransferStopped:
            raise _Stopped from None
        if self.is_stopping:
            raise _Stopped

    async def _carry_out(self, work: Callable[[threading.Event], None]) -> None:
        def begun(transfer: Transfer) -> None:
            self._under_way = transfer

        try:
            await self._machine.transfers.carry_out(work, begun)
        finally:
            self._under_way = None

    async def _unless_stopped(self, work: Awaitable[Value]) -> Value:
        doing = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait([doing, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait([doing])
            raise _Stopped
        return doing.result()

    def _begin_time(self) -> None:
        """The time that the task may run begins with its start, and again with each retry."""
        self._began = asyncio.get_running_loop().time()
        self.update_limit()

    def _end_time(self) -> None:
        self._began = None
        self.update_limit()
