"""Ids of the Azure Batch jobs that a submission is made of.

::

    remotebatch-<uuid>                       its first part
    remotebatch-<uuid>-2                     a further part: another pool, a retry, the rest of an early end
"""

from __future__ import annotations

from remotebatch.errors import JobNotFound

PREFIX = "remotebatch-"
"""With which the ids of all our Azure Batch jobs begin."""
_UUID_LENGTH = 36


def first_part(job_id: str) -> str:
    """Id of a submission's first Azure Batch job."""
    return f"{PREFIX}{job_id}"


def further_part(job_id: str, number: int) -> str:
    """Id of a further Azure Batch job of a submission; numbers begin with 2."""
    return f"{first_part(job_id)}-{number}"


def is_first_part(azure_id: str) -> bool:
    """Whether an Azure Batch job is a submission's first, going by its id."""
    return azure_id.startswith(PREFIX) and len(azure_id) == len(PREFIX) + _UUID_LENGTH


def job_id(azure_id: str) -> str:
    """Id of the submission that an Azure Batch job is a part of."""
    return azure_id[len(PREFIX) : len(PREFIX) + _UUID_LENGTH]


def no_job(job_id: str) -> JobNotFound:
    """The error for a job that is not there."""
    return JobNotFound(f"there is no job {job_id}; it may have been deleted")
