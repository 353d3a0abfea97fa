"""Why a job does not get on, though it has tasks that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.batch import BatchClient

from remotebatch.errors import ProviderError
from remotebatch.records import JobRecord
from remotebatch_azurebatch import azurejobs, outcome
from remotebatch_azurebatch.service import translated

_PAGE = 1000


class Diagnosis:
    """Asks Azure Batch what a waiting job waits for."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    def of(self, record: JobRecord, azure_id: str, pool_id: str) -> str | None:
        """What holds an Azure job up, as a sentence; None if nothing is to be seen.

        A job that no node can ever be prepared for, since what it needs cannot be had from storage, is
        ended: Azure would let it wait, and keep nodes for it, as long as its time lasts.
        """
        try:
            failed = self._failed_preparation(azure_id)
            if failed is None:
                return self._pool_trouble(pool_id)
            reason = f"its nodes cannot be prepared: {outcome.describe_failure(failed)}"
            if str(failed.get("category")).lower() == "usererror" and _is_about_files(failed):
                kind = outcome.failure_of_input(record, failed)
                azurejobs.terminate(self._client, azure_id, f"{kind}: {reason}")
            return reason
        except ProviderError as error:  # it is but a look: the job is no worse for it
            return f"its pool {pool_id!r} could not be looked at: {error}"

    def _failed_preparation(self, azure_id: str) -> Mapping[str, Any] | None:
        """Why the last node could not be prepared; None as long as any could be, or is being tried."""
        with translated(f"the preparation of job {azure_id!r} cannot be looked at"):
            nodes = list(
                self._client.list_job_preparation_and_release_task_status(azure_id, max_results=_PAGE)
            )
        infos = [node.get("jobPreparationTaskExecutionInfo") or {} for node in nodes]
        failures = [info.get("failureInfo") for info in infos]
        if not failures or None in failures:
            return None
        return failures[-1]

    def _pool_trouble(self, pool_id: str) -> str | None:
        with translated(f"pool {pool_id!r} cannot be read"):
            pool = self._client.get_pool(pool_id)
        errors = pool.get("resizeErrors") or []
        nodes = (pool.get("currentDedicatedNodes") or 0) + (pool.get("currentLowPriorityNodes") or 0)
        if errors:
            words = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors)
            return f"pool {pool_id!r} could not be resized: {words}"
        if not nodes:
            return f"pool {pool_id!r} has no nodes" + (
                ": its autoscale formula has made none so far" if pool.get("enableAutoScale") else ""
            )
        return None


def _is_about_files(failure: Mapping[str, Any]) -> bool:
    code = str(failure.get("code")).lower()
    return code.startswith(("blob", "resourcecontainer"))
