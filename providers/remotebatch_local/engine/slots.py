"""The slots and GPUs of this machine, and which job's task gets them next."""

from __future__ import annotations

from remotebatch.errors import ProviderError
from remotebatch_execution.scheduler import Demand, Scheduler
from remotebatch_local.engine.job import LocalJob

_NODE = "local"
"""The one node there is."""


class Slots:
    """The slots and GPUs of one node, and a queue of jobs."""

    def __init__(self, capacity: Demand) -> None:
        self._scheduler = Scheduler[str, str]()
        self._set_size(capacity)

    @property
    def capacity(self) -> Demand:
        """All slots and GPUs."""
        return self._scheduler.capacity(_NODE)

    @property
    def free(self) -> Demand:
        """Slots and GPUs that no task occupies."""
        return self._scheduler.free(_NODE)

    def resize(self, capacity: Demand) -> None:
        """Change the size; nothing may run."""
        self._set_size(capacity)

    def require_room(self, demand: Demand) -> None:
        """Refuse a demand that can never be met.

        :raises ProviderError: naming what there is.
        """
        if demand.slots > self.capacity.slots:
            raise ProviderError(
                f"vcpu_count={demand.slots} can never run here: the pool has {self.capacity.slots} slots; "
                f'ask for less, or for more slots with SubmissionEnvironment("Local", slots=…)'
            )
        if demand.gpus > self.capacity.gpus:
            raise ProviderError(
                f"gpu_count={demand.gpus} can never run here: the pool has {self.capacity.gpus} GPUs; "
                f'if the machine has more, say so with SubmissionEnvironment("Local", gpus=…)'
            )

    # -- the queue --------------------------------------------------------------------------

    def queue(self, job: LocalJob) -> None:
        """A job has tasks waiting. Repeating it changes nothing."""
        self._scheduler.wait(job.record.id, job.demand, job.record.settings.job_priority, job.position)

    def unqueue(self, job_id: str) -> None:
        """A job has no more tasks waiting."""
        self._scheduler.done_waiting(job_id)

    def next(self, ignoring_room: bool = False) -> str | None:
        """Id of the job whose task should start now, or None.

        :param ignoring_room: the job that would be first if there were room for any task.
        """
        return self._scheduler.next(ignoring_room)

    # -- slots and GPUs ---------------------------------------------------------------------

    def take_slots(self, demand: Demand) -> None:
        """A task starts."""
        self._scheduler.take([_NODE], demand)

    def give_back_slots(self, demand: Demand) -> None:
        """A task has ended."""
        self._scheduler.give_back([_NODE], demand)

    def take_gpus(self, count: int) -> tuple[int, ...]:
        """Numbers of the GPUs for a task."""
        gpus = tuple(sorted(self._free_gpus)[:count])
        self._free_gpus.difference_update(gpus)
        return gpus

    def give_back_gpus(self, gpus: tuple[int, ...]) -> None:
        """A task has ended."""
        self._free_gpus.update(gpus)

    def _set_size(self, capacity: Demand) -> None:
        self._scheduler.add_node(_NODE, capacity)
        self._free_gpus = set(range(capacity.gpus))
