"""Jobs: made, shown, refused and listed, and what their tasks see of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)

from azurebatch_emulator import Emulator
from tests.support.batch import (
    as_sent,
    new_job,
    new_pool,
    new_task,
    refusal,
    shell,
    terminate_job,
    wait_for,
)
from tests.support.wire import wire

LONGEST = "P10675199DT2H48M5.4775807S"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
NOBODY = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool without nodes."""
    client.create_pool(new_pool("pool", 0))
    return "pool"


# -- made and shown -------------------------------------------------------------------------


@pytest.mark.operation("create_job", "get_job")
def test_new_job_shows_every_default(client: BatchClient, emulator: Emulator, pool: str) -> None:
    client.create_job(new_job("defaults", pool))
    told = dict(client.get_job("defaults"))
    times = {name: told.pop(name) for name in ("creationTime", "lastModified", "stateTransitionTime")}
    execution = told.pop("executionInfo")
    assert all(TIME.fullmatch(time) for time in times.values())
    assert re.fullmatch(r"0x[0-9A-F]{15}", told.pop("eTag"))
    assert told == {
        "odata.metadata": f"{emulator.endpoint}/$metadata#jobs/@Element",
        "id": "defaults",
        "url": f"{emulator.endpoint}/jobs/defaults",
        "state": "active",
        "priority": 0,
        "maxParallelTasks": -1,
        "usesTaskDependencies": False,
        "allowTaskPreemption": False,
        "constraints": {"maxWallClockTime": LONGEST, "maxTaskRetryCount": 0},
        "poolInfo": {"poolId": pool},
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    }
    assert execution == {"startTime": times["stateTransitionTime"], "poolId": pool}


@pytest.mark.operation("create_job", "get_job")
@pytest.mark.partial("create_job", "networkConfiguration is repeated, but tasks are on the host's network")
def test_new_job_repeats_what_it_was_given(client: BatchClient, pool: str) -> None:
    given: dict[str, Any] = {
        "id": "given",
        "displayName": "A name",
        "priority": -7,
        "maxParallelTasks": 3,
        "usesTaskDependencies": True,
        "allowTaskPreemption": True,
        "constraints": {"maxWallClockTime": "P1D", "maxTaskRetryCount": 2},
        "poolInfo": {"poolId": pool},
        "onAllTasksComplete": "terminatejob",
        "onTaskFailure": "performexitoptionsjobaction",
        "metadata": [{"name": "colour", "value": "red"}],
        "commonEnvironmentSettings": [{"name": "FOR_ALL", "value": "1"}],
        "networkConfiguration": {"subnetId": "/subscriptions/s/subnets/n", "skipWithdrawFromVNet": False},
    }
    client.create_job(models.BatchJobCreateOptions(given))
    assert dict(client.get_job("given")).items() >= given.items()


@pytest.mark.operation("create_job", "get_job")
def test_tasks_that_a_job_brings_have_their_defaults(client: BatchClient, pool: str) -> None:
    job = new_job("brings", pool, constraints=models.BatchJobConstraints(max_task_retry_count=4))
    job.job_preparation_task = models.BatchJobPreparationTask(command_line="true")
    job.job_release_task = models.BatchJobReleaseTask(command_line="true")
    job.job_manager_task = models.BatchJobManagerTask(id="manager", command_line="true")
    client.create_job(job)
    told = client.get_job("brings").as_dict()
    constraints = {"maxWallClockTime": LONGEST, "retentionTime": "P7D"}
    assert told["jobPreparationTask"] == {
        "id": "jobpreparation",
        "commandLine": "true",
        "constraints": constraints | {"maxTaskRetryCount": 0},
        "userIdentity": NOBODY,
        "waitForSuccess": True,
        "rerunOnNodeRebootAfterSuccess": True,
    }
    assert told["jobReleaseTask"] == {
        "id": "jobrelease",
        "commandLine": "true",
        "maxWallClockTime": "PT15M",
        "retentionTime": "P7D",
        "userIdentity": NOBODY,
    }
    assert told["jobManagerTask"] == {
        "id": "manager",
        "commandLine": "true",
        "constraints": constraints | {"maxTaskRetryCount": 4},
        "requiredSlots": 1,
        "userIdentity": NOBODY,
        "runExclusive": True,
        "allowLowPriorityNode": True,
        "killJobOnCompletion": True,
    }


@pytest.mark.operation("create_job")
def test_address_of_a_new_job_is_always_that_of_job_1(emulator: Emulator, pool: str) -> None:
    with wire(emulator) as http:
        answer = http.post("/jobs", json={"id": "addressed", "poolInfo": {"poolId": pool}})
    assert answer.status_code == 201
    assert answer.content == b""
    assert answer.headers["Location"] == answer.headers["DataServiceId"] == f"{emulator.endpoint}/jobs/job-1"


@pytest.mark.operation("get_job")
def test_job_is_found_whatever_the_case_of_its_id(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("MixedCase", pool))
    assert client.get_job("mixedcase").id == "MixedCase"


@pytest.mark.operation("get_job")
def test_selected_properties_are_told_alone(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("selected", pool, display_name="shown"))
    told = dict(client.get_job("selected", select=["id", "displayName"]))
    told.pop("odata.metadata")
    assert told == {"id": "selected", "displayName": "shown"}


@pytest.mark.operation("get_job", "list_jobs")
@pytest.mark.partial("get_job", "no statistics are kept, so $expand=stats adds none")
@pytest.mark.partial("list_jobs", "no statistics are kept, so $expand=stats adds none")
def test_statistics_may_be_asked_for(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("expanded", pool))
    assert client.get_job("expanded", expand=["stats"]).id == "expanded"
    assert [job.id for job in client.list_jobs(filter="id eq 'expanded'", expand=["stats"])] == ["expanded"]


@pytest.mark.operation("create_job")
def test_job_may_name_a_pool_that_is_not_there_yet(client: BatchClient) -> None:
    client.create_job(new_job("early", "later"))
    client.create_task("early", new_task("waits"))
    job = client.get_job("early")
    assert (job.state, job.execution_info and job.execution_info.pool_id) == ("active", "later")
    assert client.get_task("early", "waits").state == "active"


# -- refused --------------------------------------------------------------------------------


@pytest.mark.operation("create_job")
def test_id_is_taken_once(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("once", pool))
    with pytest.raises(ResourceExistsError) as refused:
        client.create_job(new_job("ONCE", pool))
    assert refusal(refused.value).code == "JobExists"


@pytest.mark.operation("get_job", "update_job", "delete_job", "terminate_job", "get_job_task_counts")
def test_job_that_is_not_there_is_not_found(client: BatchClient) -> None:
    for ask in (
        lambda: client.get_job("missing"),
        lambda: client.update_job("missing", models.BatchJobUpdateOptions(priority=1)),
        lambda: client.begin_delete_job("missing"),
        lambda: client.begin_terminate_job("missing", options=as_sent(terminateReason="enough")),
        lambda: client.get_job_task_counts("missing"),
    ):
        with pytest.raises(ResourceNotFoundError) as refused:
            ask()
        assert refusal(refused.value).code == "JobNotFound"


AUTOMATIC = {"vmSize": "a", "virtualMachineConfiguration": {"imageReference": {}, "nodeAgentSKUId": "a"}}
RELEASE = {"commandLine": "true"}


@pytest.mark.operation("create_job")
@pytest.mark.parametrize(
    ("given", "code", "named"),
    [
        ({"poolInfo": {}}, "InvalidPropertyValue", "poolInfo"),
        ({"priority": 1001}, "InvalidPropertyValue", "priority"),
        ({"priority": -1001}, "InvalidPropertyValue", "priority"),
        ({"maxParallelTasks": 0}, "InvalidPropertyValue", ""),
        ({"maxParallelTasks": -2}, "InvalidPropertyValue", "maxParallelTasks"),
        ({"constraints": {"maxTaskRetryCount": -2}}, "InvalidPropertyValue", "constraints.maxTaskRetryCount"),
        ({"constraints": {"maxWallClockTime": "1h"}}, "InvalidPropertyValue", "constraints.maxWallClockTime"),
        ({"onAllTasksComplete": "nothing"}, "InvalidPropertyValue", "onAllTasksComplete"),
        ({"jobReleaseTask": RELEASE}, "InvalidPropertyValue", "jobReleaseTask"),
        (
            {"jobPreparationTask": RELEASE, "jobReleaseTask": RELEASE | {"maxWallClockTime": "PT15M1S"}},
            "InvalidPropertyValue",
            "maxWallClockTime",
        ),
        (
            {"jobPreparationTask": {"commandLine": " "}},
            "InvalidPropertyValue",
            "jobPreparationTask.commandLine",
        ),
        ({"metadata": [{"name": "", "value": "x"}]}, "EmptyMetadataKey", ""),
        (
            {"poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "jobschedule", "pool": AUTOMATIC}}},
            "InvalidPropertyValue",
            "poolLifetimeOption",
        ),
        (
            {"poolInfo": {"autoPoolSpecification": as_sent(poolLifetimeOption="job")}},
            "MissingRequiredProperty",
            "autoPoolSpecification.pool",
        ),
    ],
)
def test_job_that_cannot_be_is_refused(
    client: BatchClient, pool: str, given: dict[str, Any], code: str, named: str
) -> None:
    job = models.BatchJobCreateOptions({"id": "impossible", "poolInfo": {"poolId": pool}} | given)
    with pytest.raises(HttpResponseError) as refused:
        client.create_job(job)
    assert refused.value.status_code == 400
    assert refusal(refused.value).code == code
    assert refusal(refused.value).values.get("PropertyName", "") == named


@pytest.mark.operation("create_job")
@pytest.mark.parametrize(
    ("preparation", "release", "manager", "code"),
    [
        ("same", "Same", "other", "TaskIdSameAsJobPreparationTask"),
        ("same", "other", "same", "TaskIdSameAsJobPreparationTask"),
        (None, None, "JobPreparation", "TaskIdSameAsJobPreparationTask"),
        (None, None, "jobrelease", "TaskIdSameAsJobReleaseTask"),
    ],
)
def test_tasks_that_a_job_brings_need_an_id_each(
    client: BatchClient, pool: str, preparation: str | None, release: str | None, manager: str, code: str
) -> None:
    job = new_job("clash", pool)
    job.job_preparation_task = models.BatchJobPreparationTask(id=preparation, command_line="true")
    job.job_release_task = models.BatchJobReleaseTask(id=release, command_line="true")
    job.job_manager_task = models.BatchJobManagerTask(id=manager, command_line="true")
    with pytest.raises(HttpResponseError) as refused:
        client.create_job(job)
    assert (refused.value.status_code, refusal(refused.value).code) == (409, code)
    with pytest.raises(ResourceNotFoundError):
        client.get_job("clash")


@pytest.mark.operation("create_task")
def test_task_cannot_have_the_id_of_one_that_its_job_brings(client: BatchClient, pool: str) -> None:
    job = new_job("takes-ids", pool)
    job.job_preparation_task = models.BatchJobPreparationTask(id="first", command_line="true")
    job.job_release_task = models.BatchJobReleaseTask(id="last", command_line="true")
    client.create_job(job)
    for task_id, code in (
        ("FIRST", "TaskIdSameAsJobPreparationTask"),
        ("last", "TaskIdSameAsJobReleaseTask"),
    ):
        with pytest.raises(HttpResponseError) as refused:
            client.create_task("takes-ids", new_task(task_id))
        assert (refused.value.status_code, refusal(refused.value).code) == (409, code)


# -- listed ---------------------------------------------------------------------------------


@pytest.mark.operation("list_jobs")
def test_jobs_are_listed_by_their_ids_in_pages(client: BatchClient, pool: str) -> None:
    for number in (3, 1, 4, 2, 0):
        client.create_job(new_job(f"page-{number}", pool))
    pages = client.list_jobs(filter="startswith(id, 'page-')", max_results=2).by_page()
    assert [[job.id for job in page] for page in pages] == [
        ["page-0", "page-1"],
        ["page-2", "page-3"],
        ["page-4"],
    ]


@pytest.mark.operation("list_jobs")
def test_jobs_are_listed_by_what_is_asked(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("asked-1", pool))
    client.create_job(new_job("asked-2", "elsewhere"))
    terminate_job(client, "asked-1")

    def found(condition: str) -> list[str]:
        return [job.id for job in client.list_jobs(filter=f"startswith(id, 'asked') and ({condition})")]

    assert found("state eq 'completed'") == ["asked-1"]
    assert found("state ne 'completed'") == ["asked-2"]
    assert found("executionInfo/poolId eq 'elsewhere'") == ["asked-2"]
    assert found("executionInfo/endTime gt 2020-01-01T00:00:00Z") == ["asked-1"]
    assert found("creationTime lt 2020-01-01T00:00:00Z") == []


@pytest.mark.operation("list_jobs")
def test_jobs_are_listed_with_selected_properties(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("listed", pool, priority=5))
    jobs = client.list_jobs(filter="id eq 'listed'", select=["id", "priority"])
    assert [dict(job) for job in jobs] == [{"id": "listed", "priority": 5}]


@pytest.mark.operation("list_jobs")
def test_filter_on_another_property_is_refused(client: BatchClient) -> None:
    with pytest.raises(HttpResponseError) as refused:
        list(client.list_jobs(filter="priority eq 0"))
    assert refusal(refused.value).code == "InvalidQueryParameterValue"


# -- what tasks see -------------------------------------------------------------------------


@pytest.mark.operation("create_job", "download_task_file")
def test_tasks_see_the_variables_of_their_job(client: BatchClient) -> None:
    client.create_pool(new_pool("variables", 1))
    settings = [
        models.EnvironmentSetting(name="FOR_ALL", value="job"),
        models.EnvironmentSetting(name="MINE", value="job"),
    ]
    client.create_job(new_job("variables", "variables", common_environment_settings=settings))
    own = [models.EnvironmentSetting(name="MINE", value="task")]
    task = new_task("task", environment_settings=own)
    task.command_line = shell("echo $FOR_ALL $MINE $AZ_BATCH_JOB_ID")
    client.create_task("variables", task)
    wait_for(lambda: client.get_task("variables", "task"), lambda task: task.state == "completed")
    assert b"".join(client.download_task_file("variables", "task", "stdout.txt")) == b"job task variables\n"
