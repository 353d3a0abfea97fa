"""A job on its nodes: preparation before the first of its tasks there, release at its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from azurebatch_emulator.execution.auxiliary import Auxiliary
from azurebatch_emulator.execution.environment import preparation_variables, set_variables, task_variables
from azurebatch_emulator.execution.failures import ended_by_user
from azurebatch_emulator.execution.machine import Command
from azurebatch_emulator.protocol.models import job_tasks as models
from azurebatch_emulator.protocol.models.common import FOREVER, now, seconds
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.protocol.models.tasks import TaskResult
from azurebatch_emulator.state.task import Ending

if TYPE_CHECKING:
    from azurebatch_emulator.state.job import Job
    from azurebatch_emulator.state.node import Node

_Task = models.JobPreparationTask | models.JobReleaseTask
_Info = models.JobPreparationTaskExecutionInfo | models.JobReleaseTaskExecutionInfo
_AWAY = {
    NodeState.DEALLOCATED,
    NodeState.DEALLOCATING,
    NodeState.LEAVING_POOL,
    NodeState.PREEMPTED,
    NodeState.UNKNOWN,
    NodeState.UNUSABLE,
}
_NOWHERE: frozenset[str] = frozenset()


class Visits:
    """All the nodes that one job has been to; those that have left their pool since, too."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._visits: dict[str, Visit] = {}
        self._failed: dict[str, Visit] = {}

    def on(self, node: Node) -> Visit:
        """The visit to a node, which begins if it has not."""
        if node.key not in self._visits:
            self._visits[node.key] = Visit(
                self._job,
                models.JobPreparationAndReleaseStatus(
                    pool_id=node.pool.resource.id, node_id=node.resource.id, node_url=node.resource.url
                ),
            )
        return self._visits[node.key]

    def restore(self, node_key: str, status: models.JobPreparationAndReleaseStatus) -> None:
        """Take back a visit from the ledger."""
        self._visits[node_key] = Visit(self._job, status)
        info = status.job_preparation_task_execution_info
        if info is not None and info.result is TaskResult.FAILURE:
            self.note_failure(node_key)

    def note_failure(self, node_key: str) -> None:
        """A node could not be prepared."""
        self._failed[node_key] = self._visits[node_key]

    @property
    def unfit(self) -> frozenset[str]:
        """Keys of the nodes that the job's tasks must not go to, since they could not be prepared."""
        if not self._failed:
            return _NOWHERE
        return frozenset(key for key, visit in self._failed.items() if visit.is_unfit)

    def statuses(self) -> dict[str, models.JobPreparationAndReleaseStatus]:
        """How the preparation and release tasks went, by the node's key."""
        return {key: visit.status for key, visit in self._visits.items() if visit.has_begun}

    async def leave(self, node: Node) -> None:
        """End what the job does on a node beside its tasks: the node is about to go."""
        if node.key in self._visits:
            await self._visits[node.key].end()

    async def release(self) -> None:
        """Run the release task on all the nodes: the job is over."""
        await asyncio.gather(*(visit.release() for visit in self._visits.values()))

    def forget(self) -> None:
        """The job is gone."""
        for key in self._visits:
            self._job.account.ledger.remove("visit", f"{self._job.key}/{key}")


class Visit:
    """What a job does on one node beside its tasks."""

    def __init__(self, job: Job, status: models.JobPreparationAndReleaseStatus) -> None:
        self._job = job
        self.status = status
        self._preparing: asyncio.Task[None] | None = None
        self._releasing: asyncio.Task[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the preparation task has run, or runs."""
        return self.status.job_preparation_task_execution_info is not None

    @property
    def is_unfit(self) -> bool:
        """Whether the preparation has failed, so that the job's tasks must not come here."""
        info, task = self.status.job_preparation_task_execution_info, self._preparation
        if info is None or task is None or task.wait_for_success is False:
            return False
        return info.result is TaskResult.FAILURE and not self._needs_preparation(task)

    def variables(self) -> dict[str, str]:
        """What tasks are told of the preparation task."""
        task, node = self._preparation, self._node
        if task is None or node is None:
            return {}
        return preparation_variables(node, self._job.resource.id, task.id or "jobpreparation")

    async def prepare(self) -> bool:
        """Have the preparation task run, unless it has; tells whether the job's tasks may run here."""
        task = self._preparation
        if task is None:
            return True
        if not _goes_on(self._preparing) and self._needs_preparation(task):
            self._preparing = self._job.account.spawn(self._run_preparation(task))
        if task.wait_for_success is False:
            return True
        if self._preparing is not None and not self._preparing.done():
            await asyncio.wait([self._preparing])  # it goes on when the task that waits here does not
        info = self.status.job_preparation_task_execution_info
        return info is not None and info.result is TaskResult.SUCCESS

    async def release(self) -> None:
        """Run the release task, once, if the node has been prepared."""
        if _goes_on(self._preparing):
            await self.end()
        task = self._job.resource.job_release_task
        if task is None or not self._needs_release():
            return
        if not _goes_on(self._releasing):
            self._releasing = self._job.account.spawn(self._run_release(task))
        if self._releasing is not None:
            await asyncio.wait([self._releasing])

    async def end(self) -> None:
        """End what runs."""
        status = self.status
        for running, info in (
            (self._preparing, status.job_preparation_task_execution_info),
            (self._releasing, status.job_release_task_execution_info),
        ):
            if running is not None and not running.done():
                running.cancel()
                await asyncio.wait([running])
                if info is not None:
                    self._finish(info, Ending.failed(ended_by_user()))

    # -- within -----------------------------------------------------------------------------

    @property
    def _preparation(self) -> models.JobPreparationTask | None:
        return self._job.resource.job_preparation_task

    @property
    def _node(self) -> Node | None:
        """The node; None if it has left its pool."""
        pool = self._job.account.pools.get((self.status.pool_id or "").lower())
        return None if pool is None else pool.nodes.get(self._node_key)

    @property
    def _node_key(self) -> str:
        return (self.status.node_id or "").lower()

    def _needs_preparation(self, task: models.JobPreparationTask) -> bool:
        """Whether the preparation task has not run yet, or has to run again after the node's restart."""
        info, node = self.status.job_preparation_task_execution_info, self._node
        if info is None or node is None or self._is_reimaged(node):
            return True
        if info.start_time > (node.resource.last_boot_time or ""):
            return False
        return task.rerun_on_node_reboot_after_success is not False or info.result is not TaskResult.SUCCESS

    def _needs_release(self) -> bool:
        """Whether the job's tasks could run here, and the release task has not run yet."""
        info, task, node = self.status.job_preparation_task_execution_info, self._preparation, self._node
        if info is None or task is None or node is None or node.state in _AWAY or self._is_reimaged(node):
            return False
        released = self.status.job_release_task_execution_info
        if released is not None and released.state is models.JobTaskState.COMPLETED:
            return False
        return info.result is TaskResult.SUCCESS or task.wait_for_success is False

    def _is_reimaged(self, node: Node) -> bool:
        """Whether the node has lost all that was on it since it was prepared."""
        task = self._preparation
        preparation = node.task_directory(self._job.resource.id, (task and task.id) or "jobpreparation")
        return not os.path.isdir(preparation)

    async def _run_preparation(self, task: models.JobPreparationTask) -> None:
        info = models.JobPreparationTaskExecutionInfo(
            start_time=now(), state=models.JobTaskState.RUNNING, retry_count=0
        )
        self.status.job_preparation_task_execution_info = info

        def note_retry() -> None:
            info.retry_count += 1
            info.last_retry_time = now()
            self._save()

        constraints = task.constraints
        most = (constraints.max_task_retry_count if constraints else None) or 0
        limit = (constraints.max_wall_clock_time if constraints else None) or FOREVER
        running = self._running(
            task,
            task.id or "jobpreparation",
            info,
            None if limit == FOREVER else seconds(limit),
            most,
            note_retry,
        )
        self._finish(info, await running.run())

    async def _run_release(self, task: models.JobReleaseTask) -> None:
        info = models.JobReleaseTaskExecutionInfo(start_time=now(), state=models.JobTaskState.RUNNING)
        self.status.job_release_task_execution_info = info
        limit = seconds(task.max_wall_clock_time or "PT15M")
        self._finish(info, await self._running(task, task.id or "jobrelease", info, limit).run())

    def _running(
        self,
        task: _Task,
        task_id: str,
        info: _Info,
        limit: float | None,
        most_retries: int = 0,
        note_retry: Callable[[], None] = lambda: None,
    ) -> Auxiliary:
        node, job = self._node, self._job.resource
        assert node is not None  # it is prepared for a task that is on it, or released
        told = node.info(job.id, task_id)
        info.task_root_directory = told.task_root_directory
        info.task_root_directory_url = told.task_root_directory_url
        self._save()
        command = Command(
            label=(job.id, task_id),
            command_line=task.command_line,
            directory=node.task_directory(job.id, task_id),
            node_root=node.root,
            environment={
                **task_variables(node, job.id, task_id),
                **self.variables(),
                **set_variables(job.common_environment_settings),
                **set_variables(task.environment_settings),
            },
            container=task.container_settings,
        )
        machine = self._job.account.machine
        return Auxiliary(machine, command, task.resource_files or (), most_retries, limit, note_retry)

    def _finish(self, info: _Info, ending: Ending) -> None:
        info.state = models.JobTaskState.COMPLETED
        info.end_time = now()
        info.exit_code = ending.exit_code
        info.container_info = ending.container
        info.failure_info = ending.failure
        info.result = TaskResult.SUCCESS if ending.succeeded else TaskResult.FAILURE
        if info is self.status.job_preparation_task_execution_info and not ending.succeeded:
            self._job.visits.note_failure(self._node_key)
        self._save()

    def _save(self) -> None:
        job = self._job
        if job.account.jobs.get(job.key) is job:
            job.account.ledger.save("visit", f"{job.key}/{self._node_key}", self.status)


def _goes_on(running: asyncio.Task[None] | None) -> bool:
    return running is not None and not running.done()
