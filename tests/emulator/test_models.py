"""What the wire models refuse, fill in and keep; clocks and time spans."""

import json
import re
from typing import Any

import azure.batch.models._models as sdk
import msgspec
import pytest
from azure.batch._utils.model_base import SdkJSONEncoder

from azurebatch_emulator.protocol.models import (
    clock,
    common,
    containers,
    jobs,
    pools,
    schedules,
    tasks,
    users,
)


def test_words_are_read_in_any_case_and_written_in_one() -> None:
    settings = common.decode(
        containers.ContainerSettings, b'{"imageName": "i", "workingDirectory": "TASKworkingdirectory"}'
    )
    assert settings.working_directory is containers.ContainerWorkingDirectory.TASK_WORKING_DIRECTORY
    assert common.encode(settings) == b'{"imageName":"i","workingDirectory":"taskWorkingDirectory"}'
    assert f"{settings.working_directory}" == "taskWorkingDirectory"


@pytest.mark.parametrize(
    ("kind", "body", "complaint"),
    [
        (jobs.JobAdd, '{"id": "j", "poolInfo": {"poolId": "p"}, "colour": 1}', "unknown field `colour`"),
        (jobs.JobAdd, '{"id": "j"}', "missing required field `poolInfo`"),
        (jobs.JobAdd, '{"id": "a/b", "poolInfo": {"poolId": "p"}}', r"$.id"),
        (jobs.JobAdd, '{"id": "j\\n", "poolInfo": {"poolId": "p"}}', r"$.id"),
        (jobs.JobAdd, '{"id": "j", "poolInfo": {"poolId": "p"}, "priority": 1001}', r"$.priority"),
        (jobs.JobAdd, '{"id": "j", "poolInfo": {}}', r"$.poolInfo"),
        (jobs.JobPatch, '{"maxParallelTasks": -2}', r"$.maxParallelTasks"),
        (jobs.JobPatch, '{"maxParallelTasks": 0}', "maxParallelTasks must be"),
        (jobs.JobDisable, '{"disableTasks": "forget"}', r"$.disableTasks"),
        (pools.PoolAdd, '{"id": "p", "vmSize": "s", "taskSlotsPerNode": 257}', r"$.taskSlotsPerNode"),
        (pools.PoolAdd, '{"id": "p", "vmSize": "s", "targetDedicatedNodes": -1}', r"$.targetDedicatedNodes"),
        (pools.PoolResize, '{"resizeTimeout": "15 minutes"}', r"$.resizeTimeout"),
        (pools.NodesRemove, '{"nodeList": []}', r"$.nodeList"),
        (tasks.TaskAdd, '{"id": "t", "commandLine": "c", "requiredSlots": 0}', r"$.requiredSlots"),
        (tasks.TaskAdd, '{"id": "t", "commandLine": null}', r"$.commandLine"),
        (
            tasks.TaskCollection,
            '{"value": [{"id": "t", "commandLine": "c", "constraints": {"maxTaskRetryCount": -2}}]}',
            r"$.value[0].constraints.maxTaskRetryCount",
        ),
        (tasks.TaskAdd, '{"id": "t", "commandLine": "c", "resourceFiles": [{}]}', r"$.resourceFiles[0]"),
        (
            schedules.JobSchedulePatch,
            '{"schedule": {"doNotRunUntil": "tomorrow"}}',
            r"$.schedule.doNotRunUntil",
        ),
        (
            schedules.JobSchedulePatch,
            '{"schedule": {"doNotRunUntil": "2026-02-30T00:00:00Z"}}',
            r"$.schedule",
        ),
        (jobs.JobPatch, '{"constraints": {"maxWallClockTime": "P1234567890D"}}', r"$.constraints"),
    ],
)
def test_what_azure_refuses_is_refused_with_its_path(kind: type, body: str, complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape(complaint)):
        common.decode(kind, body)


def test_a_patch_tells_absent_from_null() -> None:
    patch = common.decode(jobs.JobPatch, b'{"priority": null, "metadata": []}')
    assert patch.priority is None
    assert patch.metadata == []
    assert patch.constraints is msgspec.UNSET
    assert common.given(patch) == {"priority": None, "metadata": []}


def test_older_clients_may_send_what_later_versions_dropped() -> None:
    pool = common.decode(
        pools.PoolAdd,
        b'{"id": "p", "vmSize": "s", "targetNodeCommunicationMode": "Simplified", "resourceTags": {"a": "b"},'
        b'"certificateReferences": [{"thumbprint": "0", "thumbprintAlgorithm": "sha1"}]}',
    )
    assert pool.target_node_communication_mode is pools.NodeCommunicationMode.SIMPLIFIED
    task = common.decode(
        tasks.TaskAdd, b'{"id": "t", "commandLine": "", "authenticationTokenSettings": {"access": ["job"]}}'
    )
    assert task.authentication_token_settings == tasks.AuthenticationTokenSettings([tasks.AccessScope.JOB])


def test_a_new_task_has_the_services_defaults() -> None:
    add = common.decode(tasks.TaskAdd, b'{"id": "t", "commandLine": "hostname"}')
    task = tasks.new_task(add, "http://host/jobs/j/tasks/t")
    written = msgspec.json.decode(common.encode(task))
    assert written["lastModified"] == written["creationTime"] == written["stateTransitionTime"]
    for stamp in ("eTag", "lastModified", "creationTime", "stateTransitionTime"):
        del written[stamp]
    assert written == {
        "id": "t",
        "url": "http://host/jobs/j/tasks/t",
        "commandLine": "hostname",
        "state": "active",
        "constraints": {
            "maxWallClockTime": "P10675199DT2H48M5.4775807S",
            "retentionTime": "P7D",
            "maxTaskRetryCount": 0,
        },
        "requiredSlots": 1,
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        "executionInfo": {"retryCount": 0, "requeueCount": 0},
    }


def test_a_new_job_has_the_services_defaults() -> None:
    add = common.decode(
        jobs.JobAdd,
        b'{"id": "j", "poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "Job", "pool":'
        b'{"vmSize": "STANDARD_D2_V2"}}}, "jobPreparationTask": {"commandLine": "p"},'
        b'"jobReleaseTask": {"commandLine": "r"}, "constraints": {"maxWallClockTime": "PT01H00M00S"}}',
    )
    written = msgspec.json.decode(common.encode(jobs.new_job(add, "u")))
    for stamp in ("eTag", "lastModified", "creationTime", "stateTransitionTime", "executionInfo"):
        del written[stamp]
    user = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
    assert written == {
        "id": "j",
        "url": "u",
        "state": "active",
        "priority": 0,
        "maxParallelTasks": -1,
        "usesTaskDependencies": False,
        "allowTaskPreemption": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
        "constraints": {"maxWallClockTime": "PT1H", "maxTaskRetryCount": 0},
        "jobPreparationTask": {
            "id": "jobpreparation",
            "commandLine": "p",
            "constraints": {
                "maxWallClockTime": "P10675199DT2H48M5.4775807S",
                "retentionTime": "P7D",
                "maxTaskRetryCount": 0,
            },
            "userIdentity": user,
            "waitForSuccess": True,
            "rerunOnNodeRebootAfterSuccess": True,
        },
        "jobReleaseTask": {
            "id": "jobrelease",
            "commandLine": "r",
            "maxWallClockTime": "PT15M",
            "retentionTime": "P7D",
            "userIdentity": user,
        },
        "poolInfo": {
            "autoPoolSpecification": {
                "poolLifetimeOption": "job",
                "keepAlive": False,
                "pool": {
                    "vmSize": "standard_d2_v2",
                    "taskSlotsPerNode": 1,
                    "taskSchedulingPolicy": {"nodeFillType": "Spread", "jobDefaultOrder": "none"},
                    "resizeTimeout": "PT15M",
                    "targetDedicatedNodes": 0,
                    "targetLowPriorityNodes": 0,
                    "enableAutoScale": False,
                    "enableInterNodeCommunication": False,
                },
            }
        },
    }


def test_a_new_pool_has_the_services_defaults_and_shows_no_password() -> None:
    add = common.decode(
        pools.PoolAdd,
        b'{"id": "p", "vmSize": "STANDARD_D1_V2", "userAccounts": [{"name": "me", "password": "secret"}],'
        b'"startTask": {"commandLine": "s"}, "virtualMachineConfiguration": {"nodeAgentSKUId": "n",'
        b'"imageReference": {"publisher": "canonical"}, "dataDisks": [{"lun": 1, "diskSizeGB": 50}]}}',
    )
    written = msgspec.json.decode(common.encode(pools.new_pool(add, "u")))
    for stamp in ("eTag", "lastModified", "creationTime", "stateTransitionTime"):
        del written[stamp]
    del written["allocationStateTransitionTime"]
    assert written == {
        "id": "p",
        "url": "u",
        "state": "active",
        "allocationState": "resizing",
        "vmSize": "standard_d1_v2",
        "resizeTimeout": "PT15M",
        "currentDedicatedNodes": 0,
        "targetDedicatedNodes": 0,
        "currentLowPriorityNodes": 0,
        "targetLowPriorityNodes": 0,
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "startTask": {
            "commandLine": "s",
            "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
            "maxTaskRetryCount": 0,
            "waitForSuccess": True,
        },
        "userAccounts": [{"name": "me", "elevationLevel": "nonadmin"}],
        "taskSlotsPerNode": 1,
        "taskSchedulingPolicy": {"nodeFillType": "Spread", "jobDefaultOrder": "none"},
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "canonical", "version": "latest"},
            "nodeAgentSKUId": "n",
            "dataDisks": [
                {
                    "lun": 1,
                    "caching": "none",
                    "diskSizeGB": 50,
                    "managedDisk": {"storageAccountType": "standard_lrs"},
                }
            ],
        },
    }


def test_a_windows_user_logs_in_as_batch_unless_told_otherwise() -> None:
    machines = b'{"nodeAgentSKUId": "batch.node.windows amd64", "imageReference": {}}'
    add = common.decode(
        pools.PoolAdd,
        b'{"id": "p", "vmSize": "s", "userAccounts": [{"name": "me", "password": "secret"}],'
        b'"virtualMachineConfiguration": ' + machines + b"}",
    )
    (user,) = pools.new_pool(add, "u").user_accounts or []
    assert user.windows_user_configuration == users.WindowsUserConfiguration(login_mode=users.LoginMode.BATCH)


def test_half_an_automatic_user_is_completed() -> None:
    admin = users.UserIdentity(auto_user=users.AutoUser(elevation_level=users.ElevationLevel.ADMIN))
    assert common.encode(users.user_identity(admin)) == (
        b'{"autoUser":{"scope":"pool","elevationLevel":"admin"}}'
    )
    named = users.UserIdentity(username="me")
    assert users.user_identity(named) is named


def test_a_new_schedule_fills_its_job_specification() -> None:
    add = common.decode(
        schedules.JobScheduleAdd,
        b'{"id": "s", "schedule": {"startWindow": "PT01H00M00S"}, '
        b'"jobSpecification": {"poolInfo": {"poolId": "p"}}}',
    )
    schedule = schedules.new_schedule(add, "u")
    assert schedule.schedule.start_window == "PT1H"
    assert schedule.job_specification.priority == 0
    assert schedule.state is schedules.JobScheduleState.ACTIVE


@pytest.mark.parametrize(
    ("resource", "theirs", "replacement"),
    [
        (
            jobs.new_job(jobs.JobAdd(id="j", pool_info=jobs.PoolInfo(pool_id="p")), "u"),
            sdk.BatchJob,
            jobs.JobReplace,
        ),
        (tasks.new_task(tasks.TaskAdd(id="t", command_line="c"), "u"), sdk.BatchTask, tasks.TaskReplace),
        (
            schedules.new_schedule(
                schedules.JobScheduleAdd(
                    id="s",
                    schedule=schedules.Schedule(recurrence_interval="PT1H"),
                    job_specification=jobs.JobSpecification(pool_info=jobs.PoolInfo(pool_id="p")),
                ),
                "u",
            ),
            sdk.BatchJobSchedule,
            schedules.JobScheduleReplace,
        ),
    ],
    ids=["job", "task", "schedule"],
)
def test_what_the_client_makes_of_a_resource_may_replace_it(
    resource: common.Model, theirs: type[Any], replacement: type[common.Body]
) -> None:
    read = theirs({"odata.metadata": "m"} | msgspec.json.decode(common.encode(resource)))
    sent = json.dumps(read, cls=SdkJSONEncoder, exclude_readonly=True)
    replace = common.fields(common.decode(replacement, sent))
    assert replace.pop("odata_metadata") == "m"
    assert replace == {name: getattr(resource, name) for name in replace}


def test_a_resource_survives_being_written_and_read() -> None:
    add = common.decode(jobs.JobAdd, b'{"id": "s", "poolInfo": {"poolId": "p"}}')
    job = jobs.new_job(add, "u")
    job.id = "schedule:job-1"
    assert common.decode(jobs.Job, common.encode(job)) == job


def test_unremarkable_tasks_share_their_parts() -> None:
    add = common.decode(
        tasks.TaskAdd, b'{"id": "t", "commandLine": "c", "constraints": {"retentionTime": "P7D"}}'
    )
    one, other = tasks.new_task(add, "u"), tasks.new_task(add, "u")
    assert one.constraints is other.constraints
    assert one.execution_info is other.execution_info
    assert one.user_identity is other.user_identity


def test_the_e_tag_is_the_time_of_the_last_change_in_ticks() -> None:
    e_tag, time = clock.stamp()
    ticks = int(e_tag, 16) - clock.UNIX_EPOCH
    assert clock.moment(time).timestamp() == pytest.approx(ticks / clock.TICKS_PER_SECOND)
    assert re.fullmatch(r"0x[0-9A-F]{15}", e_tag)


def test_e_tags_and_times_only_grow() -> None:
    tags = [clock.e_tag() for _ in range(10_000)]
    assert tags == sorted(set(tags))
    times = [clock.now() for _ in range(10_000)]
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("text", "seconds", "normal"),
    [
        ("PT0S", 0, "PT0S"),
        ("PT01H00M00S", 3600, "PT1H"),
        ("P1DT0.5S", 86400.5, "P1DT0.5S"),
        ("PT90M", 5400, "PT1H30M"),
        ("P1Y2M", 425 * 86400, "P425D"),
        ("P10675199DT2H48M5.4775807S", 922337203685.4775807, "P10675199DT2H48M5.4775807S"),
        ("P10675199DT2H48M5.477581S", 922337203685.477581, "P10675199DT2H48M5.4775807S"),
    ],
)
def test_time_spans_are_measured_and_written_as_the_service_does(
    text: str, seconds: float, normal: str
) -> None:
    assert clock.seconds(text) == seconds
    assert clock.normal(text) == normal


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1H", "-PT1H", "PT1H\n", "PT1.S"])
def test_what_is_no_time_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time span"):
        clock.seconds(text)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, common.Duration)


@pytest.mark.parametrize("length", [0, 0.25, 59, 3600, 86400 * 3 + 1.000001])
def test_a_length_becomes_a_time_span(length: float) -> None:
    assert clock.seconds(clock.duration(length)) == length


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T00:00:01.1234567z", 1.123456),
        ("1970-01-01t01:00:01+01:00", 1),
        ("1970-01-01T00:00:01", 1),
    ],
)
def test_times_of_clients_are_read(text: str, second: float) -> None:
    assert clock.moment(text).timestamp() == second
    assert msgspec.convert(text, common.Time) == text
