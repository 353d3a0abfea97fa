"""When job schedules make their jobs, also after the death of the service."""

from __future__ import annotations

import datetime as dt
from functools import partial

import pytest
from azure.batch import BatchClient

from azurebatch_emulator import Emulator
from azurebatch_emulator.protocol.models.common import moment
from tests.support.batch import (
    Gate,
    delete_job,
    new_pool,
    terminate_job,
    wait_for,
    wait_for_job,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.schedules import (
    FAR,
    HOUR,
    change_times,
    create_schedule,
    execution,
    jobs,
    now,
    wait_for_schedule,
)


@pytest.mark.operation("get_job_schedule", "list_jobs_from_schedule", "update_job_schedule")
def test_job_is_made_when_its_time_has_come(client: BatchClient) -> None:
    create_schedule(client, "patient", {"doNotRunUntil": FAR})
    assert execution(client, "patient") == {"nextRunTime": FAR}
    soon = now() + dt.timedelta(seconds=0.3)
    change_times(client, "patient", do_not_run_until=soon)
    wait_for(lambda: jobs(client, "patient") == ["patient:job-1"])
    assert client.get_job("patient:job-1").creation_time >= soon
    assert "nextRunTime" not in execution(client, "patient")


@pytest.mark.operation("get_job_schedule")
def test_schedule_that_does_not_recur_is_completed_with_its_job(client: BatchClient) -> None:
    create_schedule(client, "once-only", {})
    wait_for(lambda: jobs(client, "once-only") == ["once-only:job-1"])
    assert client.get_job_schedule("once-only").state == "active"
    terminate_job(client, "once-only:job-1")
    schedule = wait_for_schedule(client, "once-only")
    assert schedule.previous_state == "active"
    told = execution(client, "once-only")
    assert told["recentJob"]["id"] == "once-only:job-1"
    assert moment(told["endTime"]) == schedule.state_transition_time
    assert client.get_job("once-only:job-1").state == "completed"


@pytest.mark.operation("list_jobs_from_schedule", "get_job_schedule", "update_job_schedule")
def test_jobs_are_made_one_at_a_time(client: BatchClient) -> None:
    create_schedule(client, "recurs", {"recurrenceInterval": "PT1H"})
    wait_for(lambda: jobs(client, "recurs") == ["recurs:job-1"])
    change_times(client, "recurs", do_not_run_until=now(), recurrence_interval=HOUR)
    assert moment(execution(client, "recurs")["nextRunTime"]) <= now()
    assert jobs(client, "recurs") == ["recurs:job-1"]
    terminate_job(client, "recurs:job-1")
    wait_for(lambda: jobs(client, "recurs") == ["recurs:job-1", "recurs:job-2"])
    told = execution(client, "recurs")
    assert told["recentJob"]["id"] == "recurs:job-2"
    assert moment(told["nextRunTime"]) > now()
    delete_job(client, "recurs:job-1")
    assert jobs(client, "recurs") == ["recurs:job-2"]


@pytest.mark.operation("get_job_schedule", "update_job_schedule")
def test_schedule_is_completed_after_its_last_time(client: BatchClient) -> None:
    for schedule_id in ("busy", "idle"):
        create_schedule(client, schedule_id, {"recurrenceInterval": "PT1H"})
        wait_for(partial(jobs, client, schedule_id))
    delete_job(client, "idle:job-1")
    soon = now() + dt.timedelta(seconds=0.3)
    for schedule_id in ("busy", "idle"):
        change_times(client, schedule_id, recurrence_interval=HOUR, do_not_run_after=soon)
        assert "nextRunTime" not in execution(client, schedule_id)
    assert wait_for_schedule(client, "idle").state_transition_time >= soon
    assert client.get_job_schedule("busy").state == "active"
    delete_job(client, "busy:job-1")
    wait_for_schedule(client, "busy")


@pytest.mark.operation("create_job_schedule")
def test_schedule_whose_times_are_over_makes_no_job(client: BatchClient) -> None:
    create_schedule(
        client, "too-late", {"doNotRunAfter": "2020-01-01T00:00:00Z", "recurrenceInterval": "PT1H"}
    )
    wait_for_schedule(client, "too-late")
    assert jobs(client, "too-late") == []


@pytest.mark.operation("create_job_schedule", "list_jobs_from_schedule")
def test_jobs_of_a_schedule_end_like_others(client: BatchClient, gate: Gate) -> None:
    client.create_pool(new_pool("pool", 1))
    wait_for_nodes(client, "pool")
    manager = {"id": "manager", "commandLine": f"/bin/sh -c '{gate.script()}'"}
    create_schedule(client, "steered", {}, jobManagerTask=manager, poolInfo={"poolId": "pool"})
    wait_for(lambda: jobs(client, "steered") == ["steered:job-1"])
    wait_for_task(client, "steered:job-1", "manager", "running")
    gate.open()
    job = wait_for_job(client, "steered:job-1")
    assert job.execution_info is not None
    assert job.execution_info.termination_reason == "JMComplete"
    wait_for_schedule(client, "steered")


@pytest.mark.operation("get_job_schedule", "list_jobs_from_schedule")
def test_schedule_goes_on_after_the_death_of_the_service(client: BatchClient, emulator: Emulator) -> None:
    create_schedule(client, "mortal", {"recurrenceInterval": "PT1H"})
    create_schedule(client, "expects", {"doNotRunUntil": (now() + dt.timedelta(seconds=1)).isoformat()})
    create_schedule(client, "asleep", {"doNotRunUntil": FAR})
    wait_for(lambda: jobs(client, "mortal") == ["mortal:job-1"])
    client.disable_job_schedule("asleep")
    before = [client.get_job_schedule(schedule_id).as_dict() for schedule_id in ("mortal", "asleep")]
    emulator.kill()
    emulator.restart()
    after = [client.get_job_schedule(schedule_id).as_dict() for schedule_id in ("mortal", "asleep")]
    assert after == before
    assert jobs(client, "mortal") == ["mortal:job-1"]
    wait_for(lambda: jobs(client, "expects") == ["expects:job-1"])
    terminate_job(client, "mortal:job-1")
    change_times(client, "mortal", do_not_run_until=now(), recurrence_interval=HOUR)
    wait_for(lambda: jobs(client, "mortal") == ["mortal:job-1", "mortal:job-2"])
