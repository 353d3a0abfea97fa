"""Making the Azure jobs of a plan and adding their tasks, whatever other clients do meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from azure.batch import BatchClient

from remotebatch.errors import ProviderError
from remotebatch_azurebatch.batch import ends, job_requests, metadata, queries, task_requests
from remotebatch_azurebatch.batch.parts import Part, PlacedPart, part_of
from remotebatch_azurebatch.settings import settings_of
from remotebatch_azurebatch.submission.plan import JobPlan


class Launch:
    """Starts parts of one submission."""

    def __init__(self, client: BatchClient, plan: JobPlan) -> None:
        self._client = client
        self._plan = plan
        self._record = plan.record
        self._wait_for_quota = settings_of(plan.record).wait_for_quota

    def start(self, parts: Sequence[PlacedPart]) -> list[PlacedPart]:
        """Make each part's job and add its tasks; one that ends before it has all is followed by another.

        :returns: the parts that were made.
        :raises ProviderError: if one is refused.
        """
        started: list[PlacedPart] = []
        waiting = list(parts)
        while waiting:
            # one that follows a job which ended too early must not do the same
            ends_by_itself = not started
            # all have their jobs before any has all of its tasks, so that other clients know what is to come
            made = [PlacedPart(self._create(*placed, ends_by_itself), placed.pool_id) for placed in waiting]
            started += made
            number = 1 + max(part.number for part, _ in started)
            rests = [(rest, pool_id) for part, pool_id in made if (rest := self._fill(part, started))]
            if not ends_by_itself:
                for part, _ in made:
                    job_requests.let_end(self._client, self._azure_id(part))
            waiting = [
                PlacedPart(part_of(number + place, rest), pool_id)
                for place, (rest, pool_id) in enumerate(rests)
            ]
        return started

    def _azure_id(self, part: Part) -> str:
        return part.azure_id(self._record.id)

    def _create(self, part: Part, pool_id: str, ends_by_itself: bool) -> Part:
        """Make a part's job, with its first task; return the part as it was made."""
        made = job_requests.create(
            self._client,
            self._azure_id(part),
            lambda: self._plan.job(part, pool_id, ends_by_itself),
            self._wait_for_quota,
        )
        if made:
            return self._plan.dated(part)
        there = metadata.part_in(queries.get_part(self._client, self._record, part))
        if there.spans != part.spans:  # else it is our own, and the answer to the request was lost
            raise ProviderError(
                f"job {self._record.id} has just been changed from elsewhere: look at its status, and try "
                "again"
            )
        return there

    def _fill(self, part: Part, started: Sequence[PlacedPart]) -> dict[int, int]:
        """Add the rest of a part's tasks.

        :returns: those that need a job of their own, since all that were added before them had ended: index
            → attempts that the task had in earlier parts.
        """
        try:
            rest = list(part.indices())[1:]
            task_requests.add(
                self._client,
                self._azure_id(part),
                rest,
                lambda index: self._plan.task(index, part.attempts_of(index)),
            )
        except task_requests.JobEnded as ended:
            job = queries.get_part(self._client, self._record, part)
            if ends.why_ended(self._record, job)[0] is None:
                return {index: part.attempts_of(index) for index in ended.indices}
            for other, _ in started:  # it was aborted by a client that may not have seen all of its jobs
                job_requests.terminate(self._client, self._azure_id(other), ends.terminate_reason(job))
        return {}
