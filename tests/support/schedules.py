"""Job schedules as the tests make and watch them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from azure.batch import BatchClient, models

from tests.support.batch import wait_for

__all__ = [
    "FAR",
    "HOUR",
    "change_times",
    "create_schedule",
    "execution",
    "jobs",
    "now",
    "wait_for_schedule",
]

HOUR = dt.timedelta(hours=1)
FAR = "2100-01-01T00:00:00Z"


def now() -> dt.datetime:
    """The present."""
    return dt.datetime.now(dt.timezone.utc)


def create_schedule(client: BatchClient, schedule_id: str, schedule: dict[str, Any], **of_job: Any) -> None:
    """Make a schedule of jobs on a pool that is not there, unless another is given."""
    specification = {"poolInfo": {"poolId": "none"}} | of_job
    told = {"id": schedule_id, "schedule": schedule, "jobSpecification": specification}
    client.create_job_schedule(models.BatchJobScheduleCreateOptions(told))


def change_times(client: BatchClient, schedule_id: str, **times: Any) -> None:
    """Give a schedule other times."""
    change = models.BatchJobScheduleConfiguration(**times)
    client.update_job_schedule(schedule_id, models.BatchJobScheduleUpdateOptions(schedule=change))


def execution(client: BatchClient, schedule_id: str) -> dict[str, Any]:
    """What a schedule has done and will do, by the names on the wire."""
    told: dict[str, Any] = client.get_job_schedule(schedule_id).as_dict()["executionInfo"]
    return told


def jobs(client: BatchClient, schedule_id: str) -> list[str]:
    """Ids of a schedule's jobs."""
    return [job.id for job in client.list_jobs_from_schedule(schedule_id)]


def wait_for_schedule(
    client: BatchClient, schedule_id: str, state: str = "completed"
) -> models.BatchJobSchedule:
    """Wait until a schedule is in a state."""
    return wait_for(lambda: client.get_job_schedule(schedule_id), lambda schedule: schedule.state == state)
