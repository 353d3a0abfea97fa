"""The execution, as the state sees it: dispatchers by pool, visits by job, start tasks."""

from __future__ import annotations

from collections.abc import Iterable

from azurebatch_emulator.execution import start_task
from azurebatch_emulator.execution.dispatcher import Dispatcher
from azurebatch_emulator.execution.machine import Machine
from azurebatch_emulator.execution.visit import Site
from azurebatch_emulator.execution.visits import JobVisits, Visits
from azurebatch_emulator.protocol.models.start_task import StartTask
from azurebatch_emulator.state.background import Background
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.task import TaskJob


class Executor:
    """Implements :class:`azurebatch_emulator.state.execution.Execution` on this machine."""

    def __init__(self, machine: Machine, background: Background) -> None:
        self._machine = machine
        self._background = background
        self._visits = Visits(Site(machine, background, self._find_node))
        self._dispatchers: dict[str, Dispatcher] = {}

    def dispatcher(self, pool_id: str) -> Dispatcher:
        """The dispatcher of a pool, which may not exist yet."""
        key = pool_id.lower()
        if key not in self._dispatchers:
            self._dispatchers[key] = Dispatcher(self._machine, self._background, self._visits)
        return self._dispatchers[key]

    def visits(self, job: TaskJob) -> JobVisits:
        """The preparation and release tasks of a job."""
        return self._visits.of(job)

    def forget_job(self, job: TaskJob) -> None:
        """A job is gone, with the records of its visits."""
        self._visits.forget(job)

    def forget_pool(self, pool_id: str) -> None:
        """A pool is gone; tasks that wait for one of its id go on waiting."""
        dispatcher = self.dispatcher(pool_id)
        dispatcher.detach()
        if not dispatcher.is_needed:
            del self._dispatchers[pool_id.lower()]

    async def run_start_task(self, node: Node, task: StartTask) -> bool:
        """Run a node's start task to its end; returns whether it succeeded."""
        return await start_task.run(self._machine, node, task)

    def discard(self, directories: Iterable[str]) -> None:
        """Remove directories; others may take their places at once. What cannot be removed stays."""
        self._machine.discard(directories)

    async def close(self) -> None:
        """End everything that runs."""
        await self._machine.close()

    def _find_node(self, pool_id: str, node_id: str) -> Node | None:
        dispatcher = self._dispatchers.get(pool_id.lower())
        return None if dispatcher is None else dispatcher.node(node_id)
