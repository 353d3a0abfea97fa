"""A job on a node: preparation before the first of its tasks there, release at its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass

from azurebatch_emulator.execution.auxiliary import Auxiliary
from azurebatch_emulator.execution.environment import preparation_variables, set_variables, task_variables
from azurebatch_emulator.execution.machine import Command, Machine
from azurebatch_emulator.protocol.failures import ended_by_user
from azurebatch_emulator.protocol.models import job_tasks as models
from azurebatch_emulator.protocol.models.common import FOREVER, now, seconds
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.protocol.models.tasks import TaskResult
from azurebatch_emulator.state.background import Background
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.outcome import TaskOutcome
from azurebatch_emulator.state.task import TaskJob

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


@dataclass(frozen=True)
class Site:
    """Where visits take place."""

    machine: Machine
    background: Background
    find_node: Callable[[str, str], Node | None]
    """Finds a node by the ids of its pool and its own; None if it has left its pool."""


class Visit:
    """What a job does on one node beside its tasks."""

    def __init__(
        self,
        job: TaskJob,
        site: Site,
        status: models.JobPreparationAndReleaseStatus,
        note_failure: Callable[[str], None],
    ) -> None:
        """Nothing runs yet.

        :param note_failure: called with the node's key when the preparation has failed.
        """
        self._job = job
        self._site = site
        self._note_failure = note_failure
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
        """The variables about the preparation task."""
        task, node = self._preparation, self._node
        if task is None or node is None:
            return {}
        return preparation_variables(node, self._job.resource.id, task.id or "jobpreparation")

    async def prepare(self) -> bool:
        """Run the preparation task, unless it has run; returns whether the job's tasks may run here."""
        task = self._preparation
        if task is None:
            return True
        if not _goes_on(self._preparing) and self._needs_preparation(task):
            self._preparing = self._site.background.spawn(self._run_preparation(task))
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
            self._releasing = self._site.background.spawn(self._run_release(task))
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
                    self._finish(info, TaskOutcome.failed(ended_by_user()))

    # -- within -----------------------------------------------------------------------------

    @property
    def _preparation(self) -> models.JobPreparationTask | None:
        return self._job.resource.job_preparation_task

    @property
    def _node(self) -> Node | None:
        """The node; None if it has left its pool."""
        return self._site.find_node(self.status.pool_id or "", self._node_key)

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
        shown = node.info(job.id, task_id)
        info.task_root_directory = shown.task_root_directory
        info.task_root_directory_url = shown.task_root_directory_url
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
        return Auxiliary(
            self._site.machine, command, task.resource_files or (), most_retries, limit, note_retry
        )

    def _finish(self, info: _Info, outcome: TaskOutcome) -> None:
        info.state = models.JobTaskState.COMPLETED
        info.end_time = now()
        info.exit_code = outcome.exit_code
        info.container_info = outcome.container
        info.failure_info = outcome.failure
        info.result = TaskResult.SUCCESS if outcome.succeeded else TaskResult.FAILURE
        if info is self.status.job_preparation_task_execution_info and not outcome.succeeded:
            self._note_failure(self._node_key)
        self._save()

    def _save(self) -> None:
        self._job.save_visit(self._node_key, self.status)


def _goes_on(running: asyncio.Task[None] | None) -> bool:
    return running is not None and not running.done()
