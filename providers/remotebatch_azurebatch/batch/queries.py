"""Requests that ask about Azure Batch jobs and change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from azure.batch import BatchClient
from azure.batch.models import BatchTaskCounts
from azure.core.exceptions import ResourceNotFoundError

from remotebatch.provider import JobRecord
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.batch import ids, metadata, values
from remotebatch_azurebatch.batch.parts import Part

AzureJob = Mapping[str, Any]
"""An Azure Batch job in the REST interface's form, with the fields of :data:`metadata.SELECTED`."""


def querying(record: JobRecord) -> AbstractContextManager[None]:
    """Translates the errors of requests that ask about a job.

    :raises JobNotFound: if it is gone.
    """
    return translated(f"job {record.id} cannot be queried", ids.no_job(record.id))


def list_all(client: BatchClient) -> list[AzureJob]:
    """The Azure jobs of all submissions of the account."""
    with translated("the jobs cannot be listed"):
        return _list(client, ids.PREFIX, metadata.SELECTED)


def list_parts(client: BatchClient, record: JobRecord) -> list[AzureJob]:
    """The Azure jobs of a submission, except those that are being deleted."""
    with querying(record):
        jobs = _list(client, record.provider_job_id, metadata.SELECTED)
    return [job for job in jobs if metadata.state_of(job) != "deleting"]


def part_ids(client: BatchClient, azure_id: str) -> list[str]:
    """Ids of the Azure jobs of a submission, given that of the first, whatever is stored in them."""
    with translated(f"job {azure_id!r} cannot be queried"):
        return [job["id"] for job in _list(client, azure_id, ["id"])]


def get_first_part(client: BatchClient, job_id: str) -> AzureJob:
    """The first Azure job of a submission, given the submission's id.

    :raises JobNotFound: if it is gone.
    """
    with translated(f"job {job_id} cannot be read", ids.no_job(job_id)):
        return client.get_job(ids.first_part(job_id), select=metadata.SELECTED)


def get_part(client: BatchClient, record: JobRecord, part: Part) -> AzureJob:
    """One Azure job of a submission.

    :raises JobNotFound: if it is gone.
    """
    with querying(record):
        return client.get_job(part.azure_id(record.id), select=metadata.SELECTED)


def task_counts(client: BatchClient, record: JobRecord, part: Part) -> BatchTaskCounts:
    """How many tasks of an Azure job are in each state; one request, however many it has."""
    with querying(record):
        return client.get_job_task_counts(part.azure_id(record.id)).task_counts


def task_ids(client: BatchClient, azure_id: str) -> set[str]:
    """Ids of the tasks that an Azure job has; none if it is gone."""
    doing = f"the tasks of job {azure_id!r} cannot be listed"
    with translated(doing), suppress(ResourceNotFoundError):
        return {task["id"] for task in client.list_tasks(azure_id, select=["id"], max_results=values.PAGE)}
    return set()


def failed_preparations(client: BatchClient, azure_id: str) -> list[Mapping[str, Any]]:
    """Why nodes could not be prepared for an Azure job; none as long as any could be, or is being tried."""
    with translated(f"the preparation of job {azure_id!r} cannot be looked at"):
        nodes = list(client.list_job_preparation_and_release_task_status(azure_id, max_results=values.PAGE))
    infos: list[Any] = [node.get("jobPreparationTaskExecutionInfo") or {} for node in nodes]
    ended = [info for info in infos if values.lower(info.get("state")) == "completed"]
    failures = [info["failureInfo"] for info in ended if info.get("failureInfo")]
    return failures if len(failures) == len(infos) else []


def _list(client: BatchClient, prefix: str, selected: list[str]) -> list[AzureJob]:
    wanted = f"startswith(id,'{prefix}')"
    return list(client.list_jobs(filter=wanted, select=selected, max_results=values.PAGE))
