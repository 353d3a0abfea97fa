"""Jobs with preparation and release tasks."""

from __future__ import annotations

from typing import Any

from azure.batch import BatchClient, models

from tests.support.batch import new_job, shell, unique

__all__ = ["prepared_job", "statuses"]


def prepared_job(pool: str, preparation: str, release: str | None = None, **options: Any) -> Any:
    """A job with a preparation task and perhaps a release task, given by their scripts."""
    job = new_job(unique("job"), pool)
    job.job_preparation_task = models.BatchJobPreparationTask(command_line=shell(preparation), **options)
    if release is not None:
        job.job_release_task = models.BatchJobReleaseTask(command_line=shell(release))
    return job


def statuses(client: BatchClient, job_id: str) -> list[models.BatchJobPreparationAndReleaseTaskStatus]:
    """The states of the preparation and release tasks of a job, node by node."""
    return list(client.list_job_preparation_and_release_task_status(job_id))
