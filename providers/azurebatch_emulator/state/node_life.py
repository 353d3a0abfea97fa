"""What a node goes through: its start, its restarts and its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.failures import ended_by_user
from azurebatch_emulator.protocol.models.common import now
from azurebatch_emulator.protocol.models.nodes import Node as NodeResource
from azurebatch_emulator.protocol.models.nodes import NodeAgentInfo, NodeState, SchedulingState
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption as Deallocation
from azurebatch_emulator.state.configuration import Timings
from azurebatch_emulator.state.context import Context
from azurebatch_emulator.state.execution import Dispatcher
from azurebatch_emulator.state.node import Node, NodePool
from azurebatch_emulator.state.outcome import TaskOutcome

_AGENT_VERSION = "1.12.39"
_LONGEST_LOOK = 5.0  # seconds after which retention times are looked at again: tasks may be deleted
_STAYS = {NodeState.DEALLOCATED, NodeState.UNUSABLE, NodeState.UNKNOWN}
"""What a node stays in when the service is started again; all others start again themselves."""


class ManagingPool(NodePool, Protocol):
    """The pool of a node, as the node's life sees it."""

    @property
    def context(self) -> Context:
        """What everything in the account shares."""

    @property
    def dispatcher(self) -> Dispatcher:
        """What starts tasks on its nodes."""

    def retained_until(self, node: Node) -> float:
        """When the last file of a task that ran on a node may go, in seconds since 1970."""

    def forget(self, node: Node) -> None:
        """A node has left."""


class NodeLife:
    """The life of one node: one step at a time, and a new step ends the one before."""

    def __init__(self, node: Node, pool: ManagingPool) -> None:
        self._node = node
        self._pool = pool
        self._step: asyncio.Task[None] | None = None
        self._undone = asyncio.Lock()  # held by a step until all that it has started is ended
        self._idle_since: str | None = None  # while it is offline

    def begin(self) -> None:
        """Start a new node."""
        self._go(self._come_up)

    def resume(self) -> None:
        """Go on where the last service was stopped, as after a reboot."""
        node = self._node
        if node.state is NodeState.PREEMPTED:
            self._go(self._come_back)
        elif node.state is NodeState.DEALLOCATING:
            node.turn(NodeState.DEALLOCATED, node.resource.state_transition_time)
        elif node.state not in _STAYS:
            if node.state is NodeState.REIMAGING:
                self._remove_directories()
            node.turn(NodeState.STARTING)
            self._go(self._boot)

    # -- what clients ask of it --------------------------------------------------------------

    def restart(self, state: NodeState, option: Deallocation | None) -> None:
        """Go through the start again.

        :param state: rebooting, or reimaging to lose all files.
        """
        node = self._node
        node.require(NodeState.IDLE, NodeState.RUNNING, NodeState.OFFLINE, NodeState.START_TASK_FAILED)
        self._leave_service(state)
        self._go(partial(self._restart, option or Deallocation.REQUEUE))

    def deallocate(self, option: Deallocation | None) -> None:
        """Stop, and keep the place in the pool."""
        self._node.require_ready()
        self._leave_service(NodeState.DEALLOCATING)
        self._node.resource.scheduling_state = SchedulingState.DISABLED
        self._go(partial(self._deallocate, option or Deallocation.REQUEUE))

    def start(self) -> None:
        """Come back from a deallocation.

        :raises BatchServiceError: if there was none.
        """
        node = self._node
        if node.state is not NodeState.DEALLOCATED:
            raise BatchServiceError("OperationInvalidForCurrentState")
        # as with the deallocation, Azure shows the time at which all this began
        node.turn(NodeState.STARTING, node.resource.state_transition_time)
        self._go(self._start_again)

    def disable_scheduling(self, option: Deallocation) -> None:
        """Start no more tasks, and do with those that run as asked."""
        node = self._node
        node.require_ready()
        self._require_scheduling(SchedulingState.ENABLED)
        node.resource.scheduling_state = SchedulingState.DISABLED
        self._idle_since = node.resource.state_transition_time if node.state is NodeState.IDLE else None
        self._pool.dispatcher.close(node)
        self._stop_tasks(option)
        node.turn_ready()
        node.save()

    def enable_scheduling(self) -> None:
        """Let tasks start again."""
        node = self._node
        node.require_ready()
        self._require_scheduling(SchedulingState.DISABLED)
        node.resource.scheduling_state = SchedulingState.ENABLED
        if node.state is NodeState.OFFLINE:
            node.turn(NodeState.IDLE, self._idle_since)
        node.save()
        self._pool.dispatcher.open(node)

    # -- what happens to it ------------------------------------------------------------------

    def lose(self, state: NodeState) -> None:
        """Vanish: what ran here waits again. A node that was pre-empted comes back after a while, empty.

        :param state: what becomes of it: preempted, unusable or unknown.
        """
        self._stop_tasks(Deallocation.REQUEUE)
        if self._node.state is NodeState.LEAVING_POOL:
            return
        self._leave_service(state)
        self._go(self._come_back if state is NodeState.PREEMPTED else self._stay_away)

    async def leave(self, option: Deallocation, stopped: asyncio.Event) -> None:
        """Go out of the pool, once the tasks are where the option wants them.

        :param stopped: set if it is to stay after all; then it stays, if its tasks still keep it waiting.
        """
        self._leave_service(NodeState.LEAVING_POOL)
        step = self._go(partial(self._leave, option, stopped))
        await asyncio.wait([step])

    # -- steps ------------------------------------------------------------------------------

    def _go(self, step: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Begin a step, as soon as the one before has been undone."""
        if self._step is not None:
            self._step.cancel()
        self._step = self._pool.context.background.spawn(self._alone(step))
        return self._step

    async def _alone(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async with self._undone:
            await step()

    async def _come_up(self) -> None:
        """From nothing to a node that takes tasks."""
        for state in (NodeState.CREATING, NodeState.STARTING):
            self._node.turn(state)
            await asyncio.sleep(self._timings.node_start / 2)
        await self._boot()

    async def _come_back(self) -> None:
        """After a pre-emption: the same node by name, on another machine."""
        await self._pool.dispatcher.empty(self._node)
        self._wipe()
        await asyncio.sleep(self._timings.resize)
        await self._come_up()

    async def _stay_away(self) -> None:
        await self._pool.dispatcher.empty(self._node)

    async def _restart(self, option: Deallocation) -> None:
        await self._vacate(option)
        if self._node.state is NodeState.REIMAGING:
            self._wipe()
        await asyncio.sleep(self._timings.node_start)
        await self._boot()

    async def _deallocate(self, option: Deallocation) -> None:
        await self._vacate(option)
        self._node.turn(NodeState.DEALLOCATED, self._node.resource.state_transition_time)

    async def _start_again(self) -> None:
        await asyncio.sleep(self._timings.node_start)
        self._node.resource.scheduling_state = SchedulingState.ENABLED
        await self._boot()

    async def _boot(self) -> None:
        """The agent comes up, and the pool's start task runs."""
        node, time_ = self._node, now()
        node.make_directories()
        node.resource.last_boot_time = time_
        node.resource.node_agent_info = NodeAgentInfo(version=_AGENT_VERSION, last_update_time=time_)
        task = self._pool.resource.start_task
        node.resource.start_task = task
        node.resource.start_task_info = None
        if task is None:
            self._enter_service()
        elif task.wait_for_success is False:
            self._enter_service()
            await self._pool.context.execution.run_start_task(node, task)
        else:
            node.turn(NodeState.WAITING_FOR_START_TASK)
            if await self._pool.context.execution.run_start_task(node, task):
                self._enter_service()
            else:
                node.turn(NodeState.START_TASK_FAILED)

    async def _leave(self, option: Deallocation, stopped: asyncio.Event) -> None:
        vacating = asyncio.ensure_future(self._vacate(option))
        stopping = asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait([vacating, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not vacating.done():
                self._enter_service()
                return
        finally:
            vacating.cancel()
            stopping.cancel()
        self._pool.forget(self._node)

    # -- within -----------------------------------------------------------------------------

    @property
    def _timings(self) -> Timings:
        return self._pool.configuration.timings

    def _enter_service(self) -> None:
        self._node.turn_ready()
        self._node.save()
        self._pool.dispatcher.open(self._node)

    def _leave_service(self, state: NodeState) -> None:
        self._node.turn(state)
        self._pool.dispatcher.close(self._node)

    def _require_scheduling(self, state: SchedulingState) -> None:
        if self._node.resource.scheduling_state is not state:
            raise BatchServiceError("NodeAlreadyInTargetSchedulingState")

    def _stop_tasks(self, option: Deallocation) -> None:
        """End what runs, if the option says so."""
        if option is Deallocation.REQUEUE:
            self._pool.dispatcher.vacate(self._node, None)
        elif option is Deallocation.TERMINATE:
            self._pool.dispatcher.vacate(self._node, TaskOutcome.failed(ended_by_user()))

    async def _vacate(self, option: Deallocation) -> None:
        """Wait until the node may go, by the option."""
        self._stop_tasks(option)
        await self._pool.dispatcher.empty(self._node)
        if option is Deallocation.RETAINED_DATA:
            while (left := self._pool.retained_until(self._node) - time.time()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(min(left, _LONGEST_LOOK))

    def _wipe(self) -> None:
        self._node.users.clear()
        self._remove_directories()

    def _remove_directories(self) -> None:
        self._pool.context.execution.discard([self._node.root])


class ManagedNode(Node):
    """A node together with its life."""

    def __init__(self, pool: ManagingPool, resource: NodeResource) -> None:
        super().__init__(pool, resource)
        self.life = NodeLife(self, pool)
