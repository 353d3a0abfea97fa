"""What a job schedule goes through: disabled, enabled, terminated, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from azurebatch_emulator import Emulator, Timings
from azurebatch_emulator.protocol.models.common import moment
from tests.support.batch import QUICKLY, connect, new_task, refusal, wait_for
from tests.support.emulator import MakeEmulator
from tests.support.schedules import FAR, change_times, create_schedule, execution, jobs, now
from tests.support.wire import wire


@pytest.fixture(scope="module")
def slow_client(make_emulator: MakeEmulator) -> Iterator[BatchClient]:
    """A client of an account where jobs that are to end are ending for ever."""
    timings = Timings(resize=0, job_terminate=3600, job_delete=3600)
    with connect(make_emulator(timings=timings)) as client:
        yield client


# -- disabled, enabled, terminated, deleted -------------------------------------------------


@pytest.mark.operation("disable_job_schedule", "enable_job_schedule", "update_job_schedule")
def test_disabled_schedule_makes_no_jobs_until_it_is_enabled(client: BatchClient) -> None:
    create_schedule(client, "pauses", {"doNotRunUntil": FAR})
    began = client.get_job_schedule("pauses").state_transition_time
    next_run = execution(client, "pauses")["nextRunTime"]
    client.disable_job_schedule("pauses")
    disabled = client.get_job_schedule("pauses")
    before = (disabled.previous_state, disabled.previous_state_transition_time)
    assert (disabled.state, before) == ("disabled", ("active", began))
    assert execution(client, "pauses")["nextRunTime"] == next_run
    change_times(client, "pauses", do_not_run_until=now())
    create_schedule(client, "goes-on", {})
    wait_for(lambda: jobs(client, "goes-on"))
    assert jobs(client, "pauses") == []
    client.enable_job_schedule("pauses")
    enabled = client.get_job_schedule("pauses")
    assert (enabled.state, enabled.previous_state) == ("active", "disabled")
    wait_for(lambda: jobs(client, "pauses") == ["pauses:job-1"])


@pytest.mark.operation("disable_job_schedule", "enable_job_schedule")
def test_schedule_is_disabled_and_enabled_once(client: BatchClient) -> None:
    create_schedule(client, "toggles", {"doNotRunUntil": FAR})
    with pytest.raises(HttpResponseError) as refused:
        client.enable_job_schedule("toggles")
    assert (refused.value.status_code, refusal(refused.value).code) == (
        409,
        "OperationInvalidForCurrentState",
    )
    client.disable_job_schedule("toggles")
    with pytest.raises(HttpResponseError) as refused:
        client.disable_job_schedule("toggles")
    assert (refused.value.status_code, refusal(refused.value).code) == (409, "JobScheduleDisabled")


@pytest.mark.operation("terminate_job_schedule")
def test_terminated_schedule_ends_with_its_job(client: BatchClient) -> None:
    create_schedule(client, "terminated", {"recurrenceInterval": "PT1H"})
    wait_for(lambda: jobs(client, "terminated") == ["terminated:job-1"])
    began = client.get_job_schedule("terminated").state_transition_time
    client.begin_terminate_job_schedule("terminated", **QUICKLY).result()
    schedule = client.get_job_schedule("terminated")
    before = (schedule.previous_state, schedule.previous_state_transition_time)
    assert (schedule.state, before) == ("completed", ("active", began))
    told = execution(client, "terminated")
    assert "nextRunTime" not in told
    assert moment(told["endTime"]) == schedule.state_transition_time
    job = client.get_job("terminated:job-1")
    assert job.execution_info is not None
    assert (job.state, job.execution_info.termination_reason) == ("completed", "TerminateJobSchedule")


@pytest.mark.operation("delete_job_schedule", "list_jobs_from_schedule")
def test_deleted_schedule_is_gone_with_its_jobs(client: BatchClient) -> None:
    create_schedule(client, "deleted", {"recurrenceInterval": "PT1H"})
    wait_for(lambda: jobs(client, "deleted") == ["deleted:job-1"])
    client.create_task("deleted:job-1", new_task("task"))
    client.begin_delete_job_schedule("deleted", **QUICKLY).result()
    with pytest.raises(ResourceNotFoundError) as refused:
        client.get_job_schedule("deleted")
    assert refusal(refused.value).code == "JobScheduleNotFound"
    with pytest.raises(ResourceNotFoundError):
        client.get_job("deleted:job-1")


REQUESTS: dict[str, Callable[[BatchClient, str], Any]] = {
    "patch": lambda client, schedule: client.update_job_schedule(
        schedule, models.BatchJobScheduleUpdateOptions(metadata=[])
    ),
    "disable": lambda client, schedule: client.disable_job_schedule(schedule),
    "enable": lambda client, schedule: client.enable_job_schedule(schedule),
    "terminate": lambda client, schedule: client.begin_terminate_job_schedule(schedule),
}


@pytest.mark.operation(
    "update_job_schedule",
    "disable_job_schedule",
    "enable_job_schedule",
    "terminate_job_schedule",
    "delete_job_schedule",
    "create_job_schedule",
)
def test_schedule_that_ends_refuses(slow_client: BatchClient) -> None:
    client = slow_client
    for schedule_id in ("completed", "terminating", "deleting"):
        create_schedule(client, schedule_id, {"recurrenceInterval": "PT1H"})
        wait_for(partial(jobs, client, schedule_id))
    client.begin_terminate_job_schedule("terminating", **QUICKLY)
    client.begin_terminate_job_schedule("completed", force=True, **QUICKLY).result()
    client.begin_delete_job_schedule("deleting", **QUICKLY)
    for schedule_id, code in (
        ("completed", "JobScheduleCompleted"),
        ("terminating", "JobScheduleBeingTerminated"),
        ("deleting", "JobScheduleBeingDeleted"),
    ):
        schedule = client.get_job_schedule(schedule_id)
        assert (schedule.state, schedule.previous_state) == (schedule_id, "active")
        for ask in REQUESTS.values():
            with pytest.raises(HttpResponseError) as refused:
                ask(client, schedule_id)
            assert (refused.value.status_code, refusal(refused.value).code) == (409, code)
    for again in (
        lambda: client.begin_delete_job_schedule("deleting"),
        lambda: create_schedule(client, "deleting", {}),
    ):
        with pytest.raises(ResourceExistsError) as refused:
            again()
        assert refusal(refused.value).code == "JobScheduleBeingDeleted"
    assert "nextRunTime" not in execution(client, "terminating")
    assert "endTime" not in execution(client, "terminating")


@pytest.mark.operation(
    "create_job_schedule", "update_job_schedule", "disable_job_schedule", "terminate_job_schedule"
)
def test_answers_to_writes_have_their_headers_and_no_body(emulator: Emulator) -> None:
    url = f"{emulator.endpoint}/jobschedules/headers"
    body = {"schedule": {"doNotRunUntil": FAR}, "jobSpecification": {"poolInfo": {"poolId": "none"}}}
    with wire(emulator) as http:
        requests: tuple[tuple[Callable[[], httpx.Response], int, str], ...] = (
            (lambda: http.post("/jobschedules", json={"id": "headers"} | body), 201, url),
            (lambda: http.patch("/jobschedules/headers", json={}), 200, url),
            (lambda: http.put("/jobschedules/headers", json=body), 200, url),
            (lambda: http.post("/jobschedules/headers/disable"), 204, f"{url}/disable"),
            (lambda: http.post("/jobschedules/headers/enable"), 204, f"{url}/enable"),
            (lambda: http.post("/jobschedules/headers/terminate"), 202, f"{url}/terminate"),
        )
        for ask, status, address in requests:
            answer = ask()
            assert (answer.status_code, answer.content) == (status, b"")
            assert answer.headers["DataServiceId"] == address
            told = http.get("/jobschedules/headers")
            assert answer.headers["ETag"] == told.headers["ETag"] == told.json()["eTag"]
        answer = http.delete("/jobschedules/headers")
        assert (answer.status_code, answer.content) == (202, b"")
        assert not {"etag", "last-modified", "dataserviceid"} & set(answer.headers)
