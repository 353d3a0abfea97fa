"""The account: everything there is, by id, and what is made and forgotten."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from collections.abc import Iterator
from typing import TypeVar

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import job_tasks as job_task_models
from azurebatch_emulator.protocol.models import jobs as job_models
from azurebatch_emulator.protocol.models import nodes as node_models
from azurebatch_emulator.protocol.models import pools as pool_models
from azurebatch_emulator.protocol.models import schedules as schedule_models
from azurebatch_emulator.protocol.models import tasks as task_models
from azurebatch_emulator.state import job_pool
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.job import Job
from azurebatch_emulator.state.job_record import MARKS, JobRecord
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.pool import Pool
from azurebatch_emulator.state.pool_record import PoolRecord, Workload
from azurebatch_emulator.state.retention import Retention
from azurebatch_emulator.state.schedule import JobSchedule
from azurebatch_emulator.state.task import Task

_FLUSH_INTERVAL = 0.1
_NETWORK = ipaddress.IPv4Network("127.64.0.0/10")
_FIRST_ADDRESS = 4  # the ones before are never a node's
Found = TypeVar("Found")


class Account:
    """One Batch account. Everything here happens in one event loop."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.configuration = context.configuration
        self.ledger = context.ledger
        self.pools: dict[str, Pool] = {}
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, JobSchedule] = {}
        self.retention = Retention(self._find_task, self._remove_files)
        self._sequence = itertools.count()
        self._addresses = itertools.count(_FIRST_ADDRESS)

    # -- by id ------------------------------------------------------------------------------

    def pool(self, pool_id: str) -> Pool:
        """One pool.

        :raises BatchServiceError: if there is none of that id.
        """
        return _find(self.pools, pool_id, "PoolNotFound")

    def job(self, job_id: str) -> Job:
        """One job.

        :raises BatchServiceError: if there is none of that id.
        """
        return _find(self.jobs, job_id, "JobNotFound")

    def schedule(self, schedule_id: str) -> JobSchedule:
        """One job schedule.

        :raises BatchServiceError: if there is none of that id.
        """
        return _find(self.schedules, schedule_id, "JobScheduleNotFound")

    def url(self, path: str) -> str:
        """Address of a resource."""
        return f"{self.configuration.endpoint}/{path}"

    # -- what is made -----------------------------------------------------------------------

    def create_pool(self, add: pool_models.PoolAdd) -> Pool:
        """Make a pool.

        :raises BatchServiceError: if there is one of that id, or there are too many.
        """
        if add.id.lower() in self.pools:
            existing = self.pools[add.id.lower()]
            raise BatchServiceError("PoolBeingDeleted" if existing.is_deleting else "PoolExists")
        if len(self.pools) >= self.configuration.quotas.pools:
            raise BatchServiceError("PoolQuotaReached")
        pool = Pool(self, pool_models.new_pool(add, self.url(f"pools/{add.id}")))
        pool.begin()
        self.pools[pool.key] = pool
        return pool

    def create_job(self, add: job_models.JobAdd) -> Job:
        """Make a job.

        :raises BatchServiceError: if there is one of that id, or there are too many.
        """
        key = add.id.lower()
        if key in self.jobs:
            deleting = self.jobs[key].state is job_models.JobState.DELETING
            raise BatchServiceError("JobBeingDeleted" if deleting else "JobExists")
        if key in self.schedules:
            raise BatchServiceError("JobScheduleWithSameIdExists")
        self._require_quota()
        resource = job_models.new_job(add, self.url(f"jobs/{add.id}"))
        return self._begin_job(resource, resource)

    def create_job_of_schedule(self, schedule: JobSchedule, job_id: str) -> Job:
        """Make the next job of a schedule."""
        return self._begin_job(schedule.specified_job(job_id), schedule.resource)

    def create_schedule(self, add: schedule_models.JobScheduleAdd) -> JobSchedule:
        """Make a job schedule.

        :raises BatchServiceError: if there is one of that id, or there are too many.
        """
        key = add.id.lower()
        if key in self.schedules:
            deleting = self.schedules[key].state is schedule_models.JobScheduleState.DELETING
            raise BatchServiceError("JobScheduleBeingDeleted" if deleting else "JobScheduleExists")
        if key in self.jobs:
            raise BatchServiceError("JobWithSameIdExists")
        self._require_quota()
        schedule = JobSchedule(self, schedule_models.new_schedule(add, self.url(f"jobschedules/{add.id}")))
        self.schedules[schedule.key] = schedule
        schedule.save()
        schedule.begin()
        return schedule

    def room_for_nodes(self) -> int:
        """How many more nodes all pools together may have."""
        return max(self.configuration.quotas.nodes - sum(len(pool.nodes) for pool in self.pools.values()), 0)

    def workload(self, pool_key: str) -> Workload:
        """The tasks of a pool's jobs."""
        jobs = list(self._jobs_on(pool_key))
        counts = [job.counts.result().task_counts for job in jobs]
        return Workload(
            active=sum(job.wanted_nodes() for job in jobs),
            running=sum(count.running for count in counts),
            succeeded=sum(count.succeeded for count in counts),
            failed=sum(count.failed for count in counts),
        )

    def retained_until(self, node: Node) -> float:
        """When the last file of a task that ran on a node may go, in seconds since 1970."""
        latest = 0.0
        for job in self.jobs.values():
            for task in job.tasks.values():
                where = task.resource.node_info
                if where is not None and where.node_id == node.resource.id and task.is_completed:
                    latest = max(latest, task.retained_until or 0.0)
        return latest

    def next_sequence(self) -> int:
        """The place of a new task among all tasks."""
        return next(self._sequence)

    def next_address(self) -> str:
        """An address for a new node: a loopback address of its own, which its tasks can listen on."""
        return str(_NETWORK[next(self._addresses) % _NETWORK.num_addresses])

    def next_job_number(self, schedule_key: str) -> int:
        """Number of a schedule's next job."""
        beginning = f"{schedule_key}:job-"
        numbers = [int(key[len(beginning) :]) for key in self.jobs if key.startswith(beginning)]
        recent = self.schedules[schedule_key].resource.execution_info.recent_job
        if recent is not None and recent.id is not None:
            numbers.append(int(recent.id[len(beginning) :]))
        return max(numbers, default=0) + 1

    # -- what is forgotten ------------------------------------------------------------------

    def forget_job(self, job: JobRecord) -> None:
        """A job is gone, with its tasks and their files."""
        del self.jobs[job.key]
        job.is_forgotten = True
        for task in job.tasks.values():
            job.forget_task(task)
        job.forget_marks()
        self.ledger.remove("job", job.key)
        job.dispatcher.remove_job_files(job)

    def forget_pool(self, pool: PoolRecord) -> None:
        """A pool is gone."""
        del self.pools[pool.key]
        self.context.execution.forget_pool(pool.key)
        self.ledger.remove("pool", pool.key)

    def forget_schedule(self, schedule: JobSchedule) -> None:
        """A job schedule is gone."""
        del self.schedules[schedule.key]
        self.ledger.remove("schedule", schedule.key)

    # -- life -------------------------------------------------------------------------------

    def recover(self) -> None:
        """Go on where the last service was stopped: what was running waits again."""
        for key, job in self.ledger.load("job", job_models.Job):
            job.url = self.url(f"jobs/{job.id}")
            self.jobs[key] = Job(self, job)
        for key, task in self.ledger.load("task", task_models.Task):
            job_key = key.rpartition("/")[0]
            if job_key in self.jobs:
                task.url = self.url(f"jobs/{self.jobs[job_key].resource.id}/tasks/{task.id}")
                self.jobs[job_key].restore_task(task)
        for key, subtasks in self.ledger.load("subtasks", task_models.Subtasks):
            job_key, _, task_key = key.rpartition("/")
            of_job = self.jobs[job_key].tasks if job_key in self.jobs else {}
            if task_key in of_job and of_job[task_key].is_completed:  # else they are of a run before
                of_job[task_key].subtasks = subtasks.value
        for kind in MARKS:
            for key, _ in self.ledger.load(kind, task_models.Mark):
                job_key, _, task_key = key.rpartition("/")
                if job_key in self.jobs:
                    self.jobs[job_key].restore_mark(kind, task_key)
        for key, visit in self.ledger.load("visit", job_task_models.JobPreparationAndReleaseStatus):
            job_key, _, node_key = key.rpartition("/")
            if job_key in self.jobs:
                self.jobs[job_key].visits.restore(node_key, visit)
        for key, pool in self.ledger.load("pool", pool_models.Pool):
            pool.url = self.url(f"pools/{pool.id}")
            self.pools[key] = Pool(self, pool)
        nodes: dict[str, list[node_models.Node]] = {}
        for key, node in self.ledger.load("node", node_models.Node):
            nodes.setdefault(key.partition("/")[0], []).append(node)
        taken = [
            int(ipaddress.IPv4Address(node.ip_address)) - int(_NETWORK[0])
            for own in nodes.values()
            for node in own
        ]
        self._addresses = itertools.count(max(taken, default=_FIRST_ADDRESS - 1) + 1)
        for key, schedule in self.ledger.load("schedule", schedule_models.JobSchedule):
            schedule.url = self.url(f"jobschedules/{schedule.id}")
            self.schedules[key] = JobSchedule(self, schedule)
        for known_pool in list(self.pools.values()):
            own = nodes.get(known_pool.key, [])
            for node in own:
                node.url = f"{known_pool.resource.url}/nodes/{node.id}"
            known_pool.resume(own)
        for known_job in self.jobs.values():
            known_job.resume()
        for known_schedule in self.schedules.values():
            known_schedule.resume()
        for known_job in self.jobs.values():
            for ended in known_job.tasks.values():
                self.retention.note(ended)
        self.context.background.spawn(self.retention.enforce())

    async def keep_recorded(self) -> None:
        """Write what the service changes by itself, a few times a second, for ever."""
        while True:
            await asyncio.sleep(_FLUSH_INTERVAL)
            self.ledger.flush()

    async def close(self) -> None:
        """End everything that goes on; tasks that run will wait again at the next start."""
        await self.context.background.close()
        await self.context.execution.close()
        self.ledger.close()

    # -- within -----------------------------------------------------------------------------

    def _find_task(self, job_key: str, task_key: str) -> Task | None:
        job = self.jobs.get(job_key)
        return None if job is None else job.tasks.get(task_key)

    def _remove_files(self, task: Task) -> None:
        self.jobs[task.job.key].dispatcher.remove_files(task)

    def _jobs_on(self, pool_key: str) -> Iterator[Job]:
        return (job for job in self.jobs.values() if job.pool_id.lower() == pool_key)

    def _require_quota(self) -> None:
        """Azure counts active jobs and active job schedules together."""
        over = (job_models.JobState.COMPLETED, job_models.JobState.DELETING)
        passed = (schedule_models.JobScheduleState.COMPLETED, schedule_models.JobScheduleState.DELETING)
        active = sum(job.state not in over for job in self.jobs.values())
        active += sum(schedule.state not in passed for schedule in self.schedules.values())
        if active >= self.configuration.quotas.active_jobs:
            raise BatchServiceError("ActiveJobAndScheduleQuotaReached")

    def _begin_job(self, resource: job_models.Job, owner: job_pool.Owner) -> Job:
        """Make a job, and its automatic pool if it wants one."""
        automatic = resource.pool_info.auto_pool_specification
        if automatic is not None and resource.execution_info is not None:
            for_schedule = automatic.pool_lifetime_option is job_pool.Lifetime.JOB_SCHEDULE
            pool_id = job_pool.make(self, automatic, owner if for_schedule else resource)
            resource.execution_info.pool_id = pool_id
        job = Job(self, resource)
        self.jobs[job.key] = job
        job.begin()
        return job


def _find(found: dict[str, Found], name: str, missing: str) -> Found:
    try:
        return found[name.lower()]
    except KeyError:
        raise BatchServiceError(missing) from None
