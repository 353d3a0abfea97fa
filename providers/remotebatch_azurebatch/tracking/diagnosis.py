"""Why a job does not get on, though it has tasks that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.batch import BatchClient, models

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord
from remotebatch.status import FailureType
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.batch import ends, queries, values
from remotebatch_azurebatch.batch.parts import PlacedPart
from remotebatch_azurebatch.pools.facts import facts_of, resize_errors
from remotebatch_azurebatch.tracking import outcome


@dataclass(frozen=True)
class Finding:
    """What holds an Azure job up."""

    reason: str | None
    """As a sentence; None if nothing is to be seen."""
    ends_as: FailureType | None = None
    """The failure to end the job with, since it can never run; None if it may still."""


class Diagnosis:
    """Asks Azure Batch what a waiting job waits for. It changes nothing."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    def of(self, record: JobRecord, placed: PlacedPart) -> Finding:
        """What holds one Azure job of a submission up.

        :raises ProviderError: if that cannot be asked just now, or its pool is gone.
        """
        pool = self._pool(placed.pool_id)
        nodes = facts_of(pool).nodes
        failures = queries.failed_preparations(self._client, placed.part.azure_id(record.id))
        if not failures:
            return Finding(_pool_trouble(pool, nodes))
        failure = failures[-1]
        kind = outcome.failure_of_preparation(failure, placed.part.expires)
        reason = f"its nodes cannot be prepared: {outcome.describe_failure(failure)}"
        if kind is FailureType.ACCESS_EXPIRED:
            reason = ends.access_expired(record)
        can_never_run = _is_the_jobs_own(failure) and len(failures) >= nodes
        return Finding(reason, kind if can_never_run else None)

    def _pool(self, pool_id: str) -> models.BatchPool:
        gone = ProviderError(f"pool {pool_id!r} has been deleted: make it again, or abort the job")
        with translated(f"pool {pool_id!r} cannot be looked at", gone):
            return self._client.get_pool(pool_id)


def _is_the_jobs_own(failure: Mapping[str, Any]) -> bool:
    """Whether a failure to prepare a node comes from the job, and not from the service."""
    return values.lower(failure.get("category")) == "usererror"


def _pool_trouble(pool: models.BatchPool, nodes: int) -> str | None:
    errors = resize_errors(pool)
    if errors:
        return f"pool {pool.id!r} could not be resized: {'; '.join(errors)}"
    if nodes:
        return None
    waits = ": its autoscale formula has made none so far" if pool.enable_auto_scale else ""
    return f"pool {pool.id!r} has no nodes{waits}"
