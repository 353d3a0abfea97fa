"""Job schedules: made, shown, refused, listed and changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from azurebatch_emulator import Emulator
from azurebatch_emulator.protocol.models.common import moment
from tests.support.batch import (
    new_job,
    refusal,
    terminate_job,
    wait_for,
)
from tests.support.schedules import (
    FAR,
    HOUR,
    change_times,
    create_schedule,
    jobs,
    now,
)
from tests.support.wire import wire

LONGEST = "P10675199DT2H48M5.4775807S"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


# -- made and shown -------------------------------------------------------------------------


@pytest.mark.operation("create_job_schedule", "get_job_schedule")
def test_new_schedule_shows_every_default(client: BatchClient, emulator: Emulator) -> None:
    create_schedule(client, "defaults", {"recurrenceInterval": "PT1H"})
    told = wait_for(
        lambda: client.get_job_schedule("defaults").as_dict(),
        lambda told: "recentJob" in told["executionInfo"],
    )
    times = {name: told.pop(name) for name in ("creationTime", "lastModified", "stateTransitionTime")}
    assert all(TIME.fullmatch(time) for time in times.values())
    assert re.fullmatch(r"0x[0-9A-F]{15}", told.pop("eTag"))
    next_run = told["executionInfo"].pop("nextRunTime")
    assert told == {
        "odata.metadata": f"{emulator.endpoint}/$metadata#jobschedules/@Element",
        "id": "defaults",
        "url": f"{emulator.endpoint}/jobschedules/defaults",
        "state": "active",
        "schedule": {"recurrenceInterval": "PT1H"},
        "jobSpecification": {
            "priority": 0,
            "maxParallelTasks": -1,
            "allowTaskPreemption": False,
            "usesTaskDependencies": False,
            "onAllTasksComplete": "noaction",
            "onTaskFailure": "noaction",
            "constraints": {"maxWallClockTime": LONGEST, "maxTaskRetryCount": 0},
            "poolInfo": {"poolId": "none"},
        },
        "executionInfo": {
            "recentJob": {"url": f"{emulator.endpoint}/jobs/defaults:job-1", "id": "defaults:job-1"}
        },
    }
    assert moment(next_run) == moment(times["creationTime"]) + HOUR


@pytest.mark.operation("create_job_schedule", "get_job_schedule")
def test_times_are_repeated_in_the_services_way(client: BatchClient) -> None:
    given = {
        "doNotRunUntil": "2099-12-31T23:00:00.220Z",
        "doNotRunAfter": "2100-01-01T01:00:00+01:00",
        "startWindow": "PT60M",
        "recurrenceInterval": "PT0120M00S",
    }
    create_schedule(client, "times", given)
    assert client.get_job_schedule("times").as_dict()["schedule"] == {
        "doNotRunUntil": "2099-12-31T23:00:00.22Z",
        "doNotRunAfter": FAR,
        "startWindow": "PT1H",
        "recurrenceInterval": "PT2H",
    }


@pytest.mark.operation("create_job_schedule", "list_jobs_from_schedule", "get_job", "list_jobs")
def test_job_is_made_as_specified(client: BatchClient, emulator: Emulator) -> None:
    specification = {
        "displayName": "made",
        "priority": 7,
        "constraints": {"maxWallClockTime": "PT1H", "maxTaskRetryCount": 2},
        "jobManagerTask": {"id": "manager", "commandLine": "true"},
        "metadata": [{"name": "colour", "value": "red"}],
    }
    create_schedule(client, "Makes", {}, **specification)
    wait_for(lambda: jobs(client, "makes") == ["Makes:job-1"])
    job = client.get_job("makes:JOB-1").as_dict()
    assert (job["id"], job["url"]) == ("Makes:job-1", f"{emulator.endpoint}/jobs/Makes:job-1")
    assert {name: job[name] for name in ("displayName", "priority", "constraints", "metadata")} == {
        name: specification[name] for name in ("displayName", "priority", "constraints", "metadata")
    }
    manager = client.get_task("makes:job-1", "manager")
    assert manager.constraints is not None
    assert manager.constraints.max_task_retry_count == 2
    assert "Makes:job-1" in [job.id for job in client.list_jobs()]
    with wire(emulator) as http:
        told = http.get("/jobschedules/makes/jobs").json()
    assert told["odata.metadata"] == f"{emulator.endpoint}/$metadata#jobs"


@pytest.mark.operation("job_schedule_exists")
def test_schedule_exists_or_not(client: BatchClient, emulator: Emulator) -> None:
    create_schedule(client, "exists", {"doNotRunUntil": FAR})
    assert client.job_schedule_exists("EXISTS")
    with pytest.raises(ResourceNotFoundError):
        client.job_schedule_exists("missing")
    with wire(emulator) as http:
        answer = http.head("/jobschedules/exists")
    tag = client.get_job_schedule("exists").etag
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (200, b"", tag)
    assert "Content-Type" not in answer.headers


@pytest.mark.operation("list_job_schedules")
def test_schedules_are_listed_by_their_ids_in_pages(client: BatchClient) -> None:
    for number in (2, 0, 1):
        create_schedule(client, f"page-{number}", {"doNotRunUntil": FAR})
    client.disable_job_schedule("page-1")

    def found(condition: str) -> list[list[str]]:
        options: dict[str, Any] = {"max_results": 2, "select": ["id"]}
        wanted = f"startswith(id, 'page') and {condition}"
        pages = client.list_job_schedules(filter=wanted, **options).by_page()
        return [[schedule.id for schedule in page] for page in pages]

    assert found(f"schedule/doNotRunUntil eq {FAR}") == [["page-0", "page-1"], ["page-2"]]
    assert found("state eq 'disabled'") == [["page-1"]]
    assert found("state eq 'completed'") == [[]]


@pytest.mark.operation("get_job_schedule", "list_job_schedules", "list_jobs_from_schedule")
@pytest.mark.partial("get_job_schedule", "no statistics are kept, so $expand=stats adds none")
@pytest.mark.partial("list_job_schedules", "no statistics are kept, so $expand=stats adds none")
@pytest.mark.partial("list_jobs_from_schedule", "no statistics are kept, so $expand=stats adds none")
def test_statistics_may_be_asked_for(client: BatchClient) -> None:
    create_schedule(client, "expanded", {"doNotRunUntil": FAR})
    assert client.get_job_schedule("expanded", expand=["stats"]).id == "expanded"
    schedules = client.list_job_schedules(filter="id eq 'expanded'", expand=["stats"])
    assert [schedule.id for schedule in schedules] == ["expanded"]
    assert list(client.list_jobs_from_schedule("expanded", expand=["stats"])) == []


@pytest.mark.operation("list_jobs_from_schedule")
def test_jobs_of_a_schedule_are_listed_by_what_is_asked(client: BatchClient) -> None:
    create_schedule(client, "lists", {"recurrenceInterval": "PT1H"})
    wait_for(lambda: jobs(client, "lists") == ["lists:job-1"])
    terminate_job(client, "lists:job-1")
    for state, expected in (("completed", [{"id": "lists:job-1"}]), ("active", [])):
        told = client.list_jobs_from_schedule("lists", filter=f"state eq '{state}'", select=["id"])
        assert [dict(job) for job in told] == expected


# -- refused --------------------------------------------------------------------------------


@pytest.mark.operation("create_job_schedule", "create_job")
def test_id_is_taken_once_among_jobs_and_schedules(client: BatchClient) -> None:
    create_schedule(client, "once", {"doNotRunUntil": FAR})
    client.create_job(new_job("a-job", "none"))
    makers: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: create_schedule(client, "ONCE", {}), "JobScheduleExists"),
        (lambda: create_schedule(client, "a-JOB", {}), "JobWithSameIdExists"),
        (lambda: client.create_job(new_job("Once", "none")), "JobScheduleWithSameIdExists"),
    )
    for make, code in makers:
        with pytest.raises(ResourceExistsError) as refused:
            make()
        assert refusal(refused.value).code == code


@pytest.mark.operation("get_job_schedule", "update_job_schedule", "delete_job_schedule")
def test_schedule_that_is_not_there_is_not_found(client: BatchClient) -> None:
    for ask in (
        lambda: client.get_job_schedule("missing"),
        lambda: client.update_job_schedule("missing", models.BatchJobScheduleUpdateOptions()),
        lambda: client.begin_delete_job_schedule("missing"),
        lambda: list(client.list_jobs_from_schedule("missing")),
    ):
        with pytest.raises(ResourceNotFoundError) as refused:
            ask()
        assert refusal(refused.value).code == "JobScheduleNotFound"


RELEASE = {"commandLine": "true"}


@pytest.mark.operation("create_job_schedule", "update_job_schedule", "replace_job_schedule")
@pytest.mark.parametrize(
    ("schedule", "specification", "named"),
    [
        ({"recurrenceInterval": "PT59S"}, {}, "recurrenceInterval"),
        ({"startWindow": "PT59S"}, {}, "startWindow"),
        ({"doNotRunUntil": FAR, "doNotRunAfter": "2099-12-31T00:00:00Z"}, {}, "doNotRunAfter"),
        ({"recurrenceInterval": "hourly"}, {}, "schedule.recurrenceInterval"),
        ({"doNotRunAfter": "tomorrow"}, {}, "schedule.doNotRunAfter"),
        ({"doNotRunUntil": "0001-01-01T00:00:00+14:00"}, {}, "schedule"),
        ({}, {"priority": 1001}, "jobSpecification.priority"),
        ({}, {"jobReleaseTask": RELEASE}, "jobReleaseTask"),
        ({}, {"poolInfo": {}}, "jobSpecification.poolInfo"),
    ],
)
def test_schedule_that_cannot_be_is_refused(
    emulator: Emulator, schedule: dict[str, Any], specification: dict[str, Any], named: str
) -> None:
    sound = {"poolInfo": {"poolId": "none"}}
    body = {"schedule": schedule, "jobSpecification": sound | specification}
    with wire(emulator) as http:
        until = {"schedule": {"doNotRunUntil": FAR}, "jobSpecification": sound}
        http.post("/jobschedules", json={"id": "sound"} | until)
        before = http.get("/jobschedules/sound").json()
        for answer in (
            http.post("/jobschedules", json={"id": "impossible"} | body),
            http.patch("/jobschedules/sound", json=body),
            http.put("/jobschedules/sound", json=body),
        ):
            told = answer.json()
            assert (answer.status_code, told["code"]) == (400, "InvalidPropertyValue")
            assert {"key": "PropertyName", "value": named} in told["values"]
        assert http.get("/jobschedules/impossible").status_code == 404
        assert http.get("/jobschedules/sound").json() == before


# -- changed --------------------------------------------------------------------------------


@pytest.mark.operation("update_job_schedule")
def test_patch_changes_what_is_given_alone(client: BatchClient) -> None:
    create_schedule(client, "patched", {"doNotRunAfter": FAR, "recurrenceInterval": "PT2H"}, priority=3)
    wait_for(lambda: jobs(client, "patched") == ["patched:job-1"])
    before = client.get_job_schedule("patched").as_dict()
    change = models.BatchJobScheduleConfiguration(recurrence_interval=3 * HOUR, start_window=HOUR)
    client.update_job_schedule("patched", models.BatchJobScheduleUpdateOptions(schedule=change))
    after = client.get_job_schedule("patched").as_dict()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"schedule", "executionInfo", "eTag", "lastModified"}
    assert after["schedule"] == {"recurrenceInterval": "PT3H", "startWindow": "PT1H"}
    next_run = moment(after["executionInfo"]["nextRunTime"])
    assert next_run == moment(after["creationTime"]) + 3 * HOUR


@pytest.mark.operation("update_job_schedule", "replace_job_schedule")
def test_changes_are_for_jobs_to_come(client: BatchClient) -> None:
    create_schedule(client, "improves", {"recurrenceInterval": "PT1H"}, priority=1, displayName="old")
    wait_for(lambda: jobs(client, "improves") == ["improves:job-1"])
    specification = models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id="none"), priority=2)
    client.update_job_schedule(
        "improves", models.BatchJobScheduleUpdateOptions(job_specification=specification)
    )
    told = client.get_job_schedule("improves").as_dict()["jobSpecification"]
    assert (told["priority"], told.get("displayName")) == (2, None)
    assert client.get_job("improves:job-1").priority == 1
    terminate_job(client, "improves:job-1")
    change_times(client, "improves", do_not_run_until=now(), recurrence_interval=HOUR)
    wait_for(lambda: jobs(client, "improves") == ["improves:job-1", "improves:job-2"])
    assert client.get_job("improves:job-2").priority == 2


@pytest.mark.operation("replace_job_schedule", "get_job_schedule")
def test_put_sets_back_what_is_not_given(client: BatchClient) -> None:
    until = models.BatchJobScheduleConfiguration(do_not_run_until=moment(FAR), start_window=HOUR)
    client.create_job_schedule(
        models.BatchJobScheduleCreateOptions(
            id="replaced",
            display_name="stays",
            schedule=until,
            job_specification=models.BatchJobSpecification(
                pool_info=models.BatchPoolInfo(pool_id="none"), display_name="goes"
            ),
            metadata=[models.BatchMetadataItem(name="colour", value="red")],
        )
    )
    schedule = client.get_job_schedule("replaced")
    schedule.schedule = models.BatchJobScheduleConfiguration(do_not_run_until=moment(FAR))
    schedule.job_specification = models.BatchJobSpecification(pool_info=models.BatchPoolInfo(pool_id="other"))
    schedule.metadata = None
    client.replace_job_schedule("replaced", schedule)
    told = client.get_job_schedule("replaced").as_dict()
    assert told["schedule"] == {"doNotRunUntil": FAR}
    assert told["jobSpecification"]["poolInfo"] == {"poolId": "other"}
    assert "displayName" not in told["jobSpecification"]
    assert "metadata" not in told
    assert told["displayName"] == "stays"


@pytest.mark.operation("update_job_schedule", "get_job_schedule")
def test_change_of_an_outdated_schedule_is_refused(client: BatchClient) -> None:
    create_schedule(client, "versions", {"doNotRunUntil": FAR})
    tag = client.get_job_schedule("versions").etag
    conditions: dict[str, Any] = {"etag": tag, "match_condition": MatchConditions.IfNotModified}
    change = models.BatchJobScheduleUpdateOptions(metadata=[])
    client.update_job_schedule("versions", change, **conditions)
    with pytest.raises(ResourceModifiedError) as refused:
        client.update_job_schedule("versions", change, **conditions)
    assert (refused.value.status_code, refusal(refused.value).code) == (412, "ConditionNotMet")
