"""Task ids as numbers: "10000000" for a single job, children from "10000001".

Ids belong to the provider; Local and AzureBatch number their tasks in this way.
"""

from __future__ import annotations

from remotebatch.provider.records import JobRecord
from remotebatch.status import JobType

_SINGLE = 10_000_000


def numbered_task_id(job: JobRecord, index: int) -> str:
    """The id of the task of that index."""
    return str(_SINGLE + index + (job.type is JobType.ARRAY))


def numbered_index(job: JobRecord, task_id: str) -> int:
    """The index of the task that has that id.

    :raises ValueError: if the id is no number.
    """
    return int(task_id) - _SINGLE - (job.type is JobType.ARRAY)
