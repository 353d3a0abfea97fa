"""The visits of jobs to nodes: where a job has been, for its preparation and release tasks."""

from __future__ import annotations

import asyncio

from azurebatch_emulator.execution.visit import Site, Visit
from azurebatch_emulator.protocol.models.job_tasks import JobPreparationAndReleaseStatus
from azurebatch_emulator.protocol.models.tasks import TaskResult
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.task import TaskJob

_NOWHERE: frozenset[str] = frozenset()


class JobVisits:
    """All the nodes that one job has been to; those that have left their pool since, too."""

    def __init__(self, job: TaskJob, site: Site) -> None:
        self._job = job
        self._site = site
        self._visits: dict[str, Visit] = {}
        self._failed: dict[str, Visit] = {}

    def on(self, node: Node) -> Visit:
        """The visit to a node, which begins if it has not."""
        if node.key not in self._visits:
            status = JobPreparationAndReleaseStatus(
                pool_id=node.pool.resource.id, node_id=node.resource.id, node_url=node.resource.url
            )
            self._visits[node.key] = self._visit(status)
        return self._visits[node.key]

    def restore(self, node_key: str, status: JobPreparationAndReleaseStatus) -> None:
        """Take back a visit from the ledger."""
        self._visits[node_key] = self._visit(status)
        info = status.job_preparation_task_execution_info
        if info is not None and info.result is TaskResult.FAILURE:
            self._note_failure(node_key)

    @property
    def unfit(self) -> frozenset[str]:
        """Keys of the nodes that the job's tasks must not go to, since they could not be prepared."""
        if not self._failed:
            return _NOWHERE
        return frozenset(key for key, visit in self._failed.items() if visit.is_unfit)

    def statuses(self) -> dict[str, JobPreparationAndReleaseStatus]:
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
        """Drop all records: the job is gone."""
        for key in self._visits:
            self._job.forget_visit(key)

    def _visit(self, status: JobPreparationAndReleaseStatus) -> Visit:
        return Visit(self._job, self._site, status, self._note_failure)

    def _note_failure(self, node_key: str) -> None:
        self._failed[node_key] = self._visits[node_key]


class Visits:
    """The visits of all jobs."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._of_jobs: dict[TaskJob, JobVisits] = {}

    def unfit(self, job: TaskJob) -> frozenset[str]:
        """Keys of the nodes that a job's tasks must not go to, since they could not be prepared."""
        visits = self._of_jobs.get(job)  # a forgotten job may still have withdrawn tasks in a queue
        return _NOWHERE if visits is None else visits.unfit

    def of(self, job: TaskJob) -> JobVisits:
        """Those of one job."""
        if job not in self._of_jobs:
            self._of_jobs[job] = JobVisits(job, self._site)
        return self._of_jobs[job]

    async def leave(self, node: Node) -> None:
        """End what jobs do on a node beside their tasks: the node is about to go."""
        await asyncio.gather(*(visits.leave(node) for visits in self._of_jobs.values()))

    def forget(self, job: TaskJob) -> None:
        """A job is gone."""
        self._of_jobs.pop(job).forget()
