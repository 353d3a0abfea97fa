"""Why a job does not get on, though it has tasks that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.batch import BatchClient, models

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord
from remotebatch.status import FailureType
from remotebatch_azurebatch.accounts.clients import translated
from remotebatch_azurebatch.batch import jobs as azurejobs
from remotebatch_azurebatch.batch.parts import Part
from remotebatch_azurebatch.pools.preflight import facts_of, resize_errors
from remotebatch_azurebatch.tracking import outcome

_PAGE = 1000
_LONGEST_REASON = 1000


class Diagnosis:
    """Asks Azure Batch what a waiting job waits for."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    def of(self, record: JobRecord, part: Part, pool_id: str) -> str | None:
        """What holds an Azure job up, as a sentence; None if nothing is to be seen.

        A job that no node of its pool can be prepared for, for a reason that is the job's own, is ended:
        Azure would let it wait, and keep nodes for it, as long as its time lasts.
        """
        azure_id = part.azure_id(record.id)
        try:
            gone = ProviderError(f"pool {pool_id!r} has been deleted: make it again, or abort the job")
            with translated(f"pool {pool_id!r} cannot be looked at", gone):
                pool = self._client.get_pool(pool_id)
            nodes = facts_of(pool).nodes
            failures = self._failed_preparations(azure_id)
            if not failures:
                return _pool_trouble(pool, nodes)
            failure = failures[-1]
            kind = outcome.failure_of_preparation(failure, part.expires)
            reason = f"its nodes cannot be prepared: {outcome.describe_failure(failure)}"
            if kind is FailureType.ACCESS_EXPIRED:
                reason = outcome.expired(record)
            if str(failure.get("category")).lower() == "usererror" and len(failures) >= nodes:
                azurejobs.terminate(self._client, azure_id, f"{kind}: {reason}"[:_LONGEST_REASON])
            return reason
        except ProviderError as error:  # it is but a look: the job is no worse for it
            return str(error)

    def _failed_preparations(self, azure_id: str) -> list[Mapping[str, Any]]:
        """Why nodes could not be prepared; none as long as any could be, or is being tried."""
        with translated(f"the preparation of job {azure_id!r} cannot be looked at"):
            nodes = list(
                self._client.list_job_preparation_and_release_task_status(azure_id, max_results=_PAGE)
            )
        infos = [node.get("jobPreparationTaskExecutionInfo") or {} for node in nodes]
        ended = [info for info in infos if str(info.get("state")).lower() == "completed"]
        failures = [info["failureInfo"] for info in ended if info.get("failureInfo")]
        return failures if len(failures) == len(infos) else []


def _pool_trouble(pool: models.BatchPool, nodes: int) -> str | None:
    errors = resize_errors(pool)
    if errors:
        return f"pool {pool.id!r} could not be resized: {'; '.join(errors)}"
    if nodes:
        return None
    waits = ": its autoscale formula has made none so far" if pool.enable_auto_scale else ""
    return f"pool {pool.id!r} has no nodes{waits}"
