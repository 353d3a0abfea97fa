"""The one pool of a Local environment: this machine."""

from __future__ import annotations

from remotebatch.pools import Pool, PoolManager, PoolStatus
from remotebatch_local.agent.client import AgentClient


class LocalPool(Pool):
    """A pool of one node, this machine, as its agent reports it."""

    id = "local"

    def __init__(self, agent: AgentClient) -> None:
        self._agent = agent

    def show(self) -> PoolStatus:
        """How it is set up, and what it does now. The agent is started if it is not running."""
        found = self._agent.call("status")
        slots, free = found["slots"], found["free_slots"]
        return PoolStatus(
            id=self.id,
            state="active",
            slots_per_node=slots,
            nodes={"idle" if free == slots else "running": 1},
            slots=slots,
            free_slots=free,
        )


class LocalPools(PoolManager):
    """The pools of a Local environment."""

    def __init__(self, agent: AgentClient) -> None:
        self._pool = LocalPool(agent)

    @property
    def default(self) -> Pool:
        """This machine."""
        return self._pool
