"""What has changed in a job, and when: all that pictures and reports are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remotebatch.provider.records import TaskRecord
from remotebatch.status import JobStatus


@dataclass(frozen=True)
class TaskEvent:
    """A task has another state than the one known before."""

    job_id: str
    task: TaskRecord
    """Its state now."""
    previous: TaskRecord
    """Its state before."""
    seen_at: float
    """When this process learned of it, in seconds since the epoch."""

    @property
    def at(self) -> float:
        """When it happened, in seconds since the epoch: by the provider's clock where it gives a time."""
        if self.task.status.final:
            return self.task.ended_at or self.seen_at
        if self.task.status is JobStatus.RUNNING:
            return self.task.started_at or self.seen_at
        return self.seen_at


Listener = Callable[[Sequence[TaskEvent]], object]
"""Is called with what has changed; with nothing where a job is gone or has grown."""
