"""Pools in the field's words, for every provider that has them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class PoolStatus:
    """How a pool is set up, and what it does now. A provider may return a subclass with more."""

    id: str
    state: str
    """Such as ``active`` or ``deleting``."""
    slots_per_node: int
    """Task slots of each node, one for each vCPU unless the pool says otherwise."""
    nodes: dict[str, int] = field(default_factory=dict)
    """State → number of nodes in it."""
    slots: int
    """Task slots of all nodes that take tasks."""
    free_slots: int
    """Those of them that no task occupies."""

    def facts(self) -> dict[str, str | None]:
        """Labels and texts for showing it."""
        nodes = ", ".join(f"{count} {state}" for state, count in sorted(self.nodes.items()))
        return {
            "pool": self.id,
            "state": self.state,
            "nodes": nodes or "none",
            "slots": f"{self.slots}, {self.free_slots} free ({self.slots_per_node} a node)",
        }

    def __str__(self) -> str:
        shown = {label: text for label, text in self.facts().items() if text}
        width = max(map(len, shown))
        return "\n".join(f"{label:<{width}}  {text}" for label, text in shown.items())


class Pool(ABC):
    """One pool, whether it exists yet or not.

    Every method may raise :class:`~remotebatch.ProviderError`, and ``ProviderUnavailable`` where the same
    call may succeed later.
    """

    id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @abstractmethod
    def show(self) -> PoolStatus:
        """How it is set up, and what it does now."""


class PoolManager(ABC):
    """The capability of a provider that has pools."""

    @property
    @abstractmethod
    def default(self) -> Pool:
        """The environment's pool; of several, the first."""
