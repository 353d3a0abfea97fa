"""Which task starts next on which node of a pool: the common scheduler, with Azure's rules."""

from __future__ import annotations

import asyncio
import heapq
import sys
from collections.abc import Iterable
from typing import TypeAlias

from azurebatch_emulator.execution.machine import Machine
from azurebatch_emulator.execution.task_run import TaskRun
from azurebatch_emulator.execution.visits import Visits
from azurebatch_emulator.protocol.models.pools import NodeFillType
from azurebatch_emulator.state import job_manager
from azurebatch_emulator.state.background import Background
from azurebatch_emulator.state.node import Node, NodePool
from azurebatch_emulator.state.outcome import TaskOutcome
from azurebatch_emulator.state.task import Task, TaskJob
from remotebatch_execution.scheduler import Demand, Fill, Scheduler

_Queue: TypeAlias = tuple[TaskJob, Demand]


class Dispatcher:
    """Starts tasks on one pool's nodes; tasks may wait here before the pool exists."""

    def __init__(self, machine: Machine, background: Background, visits: Visits) -> None:
        self._machine = machine
        self._background = background
        self._visits = visits
        self._pool: NodePool | None = None
        self._scheduler = Scheduler[_Queue, str]()
        # those of one job that need the same: key → (place among all tasks, task), earliest first
        self._queues: dict[_Queue, list[tuple[int, Task]]] = {}
        self._queued: set[Task] = set()
        self._runs: dict[Task, TaskRun] = {}
        self._running_of: dict[TaskJob, int] = {}
        self._ending: dict[str, TaskRun] = {}  # of deleted tasks, by their directory
        self._losses: dict[Task, int] = {}  # of tasks that were lost and wait again
        self._due = False

    # -- the pool and its nodes --------------------------------------------------------------

    def attach(self, pool: NodePool) -> None:
        """The pool exists, or its scheduling policy has changed."""
        self._pool = pool
        policy = pool.resource.task_scheduling_policy
        packs = policy is not None and policy.node_fill_type is NodeFillType.PACK
        self._scheduler = Scheduler[_Queue, str](Fill.PACK if packs else Fill.SPREAD)
        self._requeue(list(self._queues))

    def detach(self) -> None:
        """The pool is gone; what waits goes on waiting."""
        self._pool = None

    def node(self, node_id: str) -> Node | None:
        """A node of the pool; None if it is not there."""
        return None if self._pool is None else self._pool.nodes.get(node_id.lower())

    @property
    def is_needed(self) -> bool:
        """Whether there is a pool, or a task that waits for one or runs."""
        return self._pool is not None or bool(self._queued or self._runs)

    def open(self, node: Node) -> None:
        """A node takes tasks, if its state says so."""
        if not node.takes_tasks:
            return
        if not self._scheduler.knows(node.key):
            slots = node.pool.resource.task_slots_per_node or 1
            self._scheduler.add_node(node.key, Demand(slots))
        self._scheduler.open(node.key)
        # it may have become fit or unfit for jobs whose tasks wait
        self._requeue(
            [
                key
                for key, queue in self._queues.items()
                if (node.key in key[1].barred) is not (node.key in self._barred(queue[0][1]))
            ]
        )
        self._look()

    def close(self, node: Node) -> None:
        """A node takes no more tasks; those on it go on."""
        self._scheduler.close(node.key)

    def remove(self, node: Node) -> None:
        """A node is gone, and nothing runs on it."""
        self._scheduler.remove_node(node.key)

    def vacate(self, node: Node, outcome: TaskOutcome | None) -> None:
        """End what runs on a node; without an outcome it waits again."""
        for run in list(self._runs.values()):
            if node in run.nodes:
                run.stop(outcome)

    async def empty(self, node: Node) -> None:
        """Wait until nothing runs on a node."""
        while running := [run.over.wait() for run in self._runs.values() if node in run.nodes]:
            await asyncio.gather(*running)
        await self._visits.leave(node)

    # -- tasks ------------------------------------------------------------------------------

    def enqueue(self, task: Task) -> None:
        """A task waits for its turn."""
        if task not in self._queued and task not in self._runs:
            self._queued.add(task)
            key = self._queue_of(task)
            heapq.heappush(self._queues.setdefault(key, []), (task.sequence, task))
            self._list(key, task.job)
            self._look()

    def withdraw(self, task: Task) -> None:
        """A task waits no more."""
        self._queued.discard(task)

    def runs(self, task: Task) -> bool:
        """Whether a task has been given nodes, and not left them yet."""
        return task in self._runs

    def stop(self, task: Task, outcome: TaskOutcome | None) -> None:
        """End a running task; without an outcome it waits again."""
        self._runs[task].stop(outcome)

    def update_limit(self, task: Task) -> None:
        """The time that a task may run has changed."""
        if task in self._runs:
            self._runs[task].update_limit()

    def review(self, job: TaskJob) -> None:
        """A job's state, priority or number of parallel tasks has changed."""
        for key in self._queues_of(job):
            self._scheduler.done_waiting(key)
            self._list(key, job)
        self._look()

    def remove_files(self, task: Task) -> None:
        """Remove what a task left on its nodes, once it runs no more."""
        run = self._runs.get(task)
        if run is None:
            self._machine.discard(self._directories(task))
        else:
            run.forget_files()
            self._ending[run.directory] = run

    def remove_job_files(self, job: TaskJob) -> None:
        """Remove what a job left on the nodes."""
        if self._pool is not None:
            self._machine.discard(node.job_directory(job.resource.id) for node in self._pool.nodes.values())

    # -- within -----------------------------------------------------------------------------

    def _queue_of(self, task: Task) -> _Queue:
        slots = task.slots
        if self._pool is not None and job_manager.runs_alone(task):
            slots = self._pool.resource.task_slots_per_node or 1
        return task.job, Demand(slots, nodes=task.instances, barred=self._barred(task))

    def _barred(self, task: Task) -> frozenset[str]:
        """Nodes where a task must not go."""
        unfit = self._visits.unfit(task.job)
        if self._pool is not None and job_manager.needs_dedicated_node(task):
            unfit |= {key for key, node in self._pool.nodes.items() if not node.resource.is_dedicated}
        return unfit

    def _queues_of(self, job: TaskJob) -> list[_Queue]:
        return [key for key in self._queues if key[0] is job]

    def _requeue(self, keys: Iterable[_Queue]) -> None:
        """Move waiting tasks to the queues where they belong now."""
        for key in keys:
            self._scheduler.done_waiting(key)
            waiting = [task for _, task in self._queues.pop(key) if task in self._queued]
            self._queued.difference_update(waiting)
            for task in waiting:
                self.enqueue(task)

    def _first_of(self, key: _Queue) -> Task | None:
        queue = self._queues.get(key, [])
        while queue and queue[0][1] not in self._queued:
            heapq.heappop(queue)  # withdrawn
        if not queue:
            self._queues.pop(key, None)
            return None
        return queue[0][1]

    def _list(self, key: _Queue, job: TaskJob) -> None:
        """Register a queue with the scheduler, if anything in it may start."""
        first = self._first_of(key)
        if first is not None and job.is_active and not self._has_enough(job) and self._can_host(key[1]):
            self._scheduler.wait(key, key[1], job.priority, first.sequence)

    def _has_enough(self, job: TaskJob) -> bool:
        most = job.most_at_once
        return most is not None and self._running_of.get(job, 0) >= most

    def _can_host(self, demand: Demand) -> bool:
        """Tasks of several instances wait for ever where nodes may not talk or run several tasks at once."""
        if demand.nodes == 1 or self._pool is None:
            return True
        pool = self._pool.resource
        return bool(pool.enable_inter_node_communication) and (pool.task_slots_per_node or 1) == 1

    def _look(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._due = False
        if self._pool is None:
            return
        while (key := self._scheduler.next()) is not None:
            self._start_first(key, self._pool)
        self._preempt(self._pool)

    def _start_first(self, key: _Queue, pool: NodePool) -> None:
        self._scheduler.done_waiting(key)
        task, demand = self._first_of(key), key[1]
        if task is None or not task.job.is_active or self._has_enough(task.job):
            return
        job = task.job
        heapq.heappop(self._queues[key])
        self._queued.discard(task)
        places = self._scheduler.place(demand, _preferred(task))
        self._scheduler.take(places, demand)
        self._count_run(job, 1)
        nodes = [pool.nodes[place] for place in places]
        directory = nodes[0].task_directory(job.resource.id, task.resource.id)
        losses = self._losses.pop(task, 0)
        after = self._ending.get(directory)
        run = TaskRun(task, nodes, self._machine, self._visits.of(job), after, losses)
        self._runs[task] = run
        self._background.spawn(self._carry_out(run, demand))
        self._list(key, job)

    async def _carry_out(self, run: TaskRun, demand: Demand) -> None:
        task, job = run.task, run.task.job
        try:
            ended = await run.to_the_end()
        finally:
            del self._runs[task]
            if self._ending.get(run.directory) is run:
                del self._ending[run.directory]
            self._scheduler.give_back([node.key for node in run.nodes], demand)
            self._count_run(job, -1)
            run.over.set()
        if run.is_unprepared:
            self._requeue(self._queues_of(job))  # no more of them are to start there
        if ended:
            job.note_end(task)
        else:
            if run.losses:
                self._losses[task] = run.losses
            job.enqueue(task)
        self.review(job)

    def _count_run(self, job: TaskJob, by: int) -> None:
        running = self._running_of.pop(job, 0) + by
        if running:
            self._running_of[job] = running
        job.note_running(running)

    def _preempt(self, pool: NodePool) -> None:
        """Make room for the first that waits, at the cost of tasks of lower priority that may be requeued."""
        if not any(job.resource.allow_task_preemption for job in self._running_of):
            return
        for key in self._scheduler.in_turn():
            task = self._first_of(key)
            if task is None:
                continue
            victims = [
                run
                for run in self._runs.values()
                if run.task.job.resource.allow_task_preemption and run.task.job.priority < task.job.priority
            ]
            victims.sort(key=_rank)
            costs = [
                cost
                for node in pool.nodes.values()
                if (cost := self._cost(node, key[1], victims)) is not None
            ]
            if len(costs) >= key[1].nodes:
                costs.sort(key=_harm)
                for run in {run for cost in costs[: key[1].nodes] for run in cost}:
                    run.stop(None)
                return

    def _cost(self, node: Node, demand: Demand, victims: list[TaskRun]) -> list[TaskRun] | None:
        """The runs to end for a task on a node; None if that is not enough."""
        if not self._scheduler.is_open(node.key) or node.key in demand.barred:
            return None
        here = [run for run in self._runs.values() if node in run.nodes]
        free = self._scheduler.free(node.key).slots
        free += sum(run.task.slots for run in here if run.is_stopping)
        cost = []
        for run in victims:
            if free < demand.slots and run in here and not run.is_stopping:
                cost.append(run)
                free += run.task.slots
        return cost if free >= demand.slots else None

    def _directories(self, task: Task) -> list[str]:
        """Where a task has left files, on all its nodes."""
        infos = [task.resource.node_info, *(subtask.node_info for subtask in task.subtasks or ())]
        keys = [info.node_id.lower() for info in infos if info is not None and info.node_id is not None]
        nodes = self._pool.nodes if self._pool is not None else {}
        job_id, task_id = task.job.resource.id, task.resource.id
        return [nodes[key].task_directory(job_id, task_id) for key in keys if key in nodes]


def _harm(cost: list[TaskRun]) -> tuple[int, int, int]:
    """The cost of ending these runs: their priority, their number, their age."""
    if not cost:
        return -sys.maxsize, 0, 0
    return max(_rank(run)[0] for run in cost), len(cost), max(_rank(run)[1] for run in cost)


def _rank(run: TaskRun) -> tuple[int, int]:
    """Those of the lowest priority come first, and of them the youngest."""
    return run.task.job.priority, -run.task.sequence


def _preferred(task: Task) -> str | None:
    """The node that a task would like; Azure takes the affinity of a node, whatever its case."""
    affinity = task.resource.affinity_info
    return None if affinity is None else affinity.affinity_id.lower().removeprefix("tvm:")
