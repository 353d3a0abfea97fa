"""Jobs: changed, also under conditions, and deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from tests.support.batch import (
    QUICKLY,
    as_sent,
    delete_job,
    disable_job,
    new_job,
    new_pool,
    new_task,
    refusal,
    wait_for,
)

LONGEST = "P10675199DT2H48M5.4775807S"
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool without nodes."""
    client.create_pool(new_pool("pool", 0))
    return "pool"


# -- changed --------------------------------------------------------------------------------


@pytest.mark.operation("update_job")
def test_patch_changes_what_is_given_alone(client: BatchClient, pool: str) -> None:
    metadata = [models.BatchMetadataItem(name="colour", value="red")]
    client.create_job(new_job("patched", pool, priority=2, max_parallel_tasks=5, metadata=metadata))
    before = dict(client.get_job("patched"))
    client.update_job("patched", models.BatchJobUpdateOptions(priority=9, allow_task_preemption=True))
    after = dict(client.get_job("patched"))
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"priority", "allowTaskPreemption", "eTag", "lastModified"}
    assert (after["priority"], after["allowTaskPreemption"]) == (9, True)


@pytest.mark.operation("update_job")
def test_patch_replaces_the_constraints_as_a_whole(client: BatchClient, pool: str) -> None:
    constraints = models.BatchJobConstraints(max_task_retry_count=5)
    client.create_job(new_job("constrained", pool, constraints=constraints))
    hour = models.BatchJobConstraints(max_wall_clock_time=dt.timedelta(hours=1))
    client.update_job("constrained", models.BatchJobUpdateOptions(constraints=hour))
    assert client.get_job("constrained").as_dict()["constraints"] == {
        "maxWallClockTime": "PT1H",
        "maxTaskRetryCount": 0,
    }


@pytest.mark.operation("update_job")
def test_patch_can_take_metadata_away(client: BatchClient, pool: str) -> None:
    metadata = [models.BatchMetadataItem(name="colour", value="red")]
    client.create_job(new_job("plain", pool, metadata=metadata))
    client.update_job("plain", models.BatchJobUpdateOptions(metadata=[]))
    assert not client.get_job("plain").metadata


@pytest.mark.operation("replace_job")
def test_put_sets_back_what_is_not_given(client: BatchClient, pool: str) -> None:
    job = new_job("replaced", pool, priority=3, max_parallel_tasks=2, display_name="stays")
    job.constraints = models.BatchJobConstraints(max_task_retry_count=5)
    job.metadata = [models.BatchMetadataItem(name="colour", value="red")]
    job.job_preparation_task = models.BatchJobPreparationTask(command_line="true")
    client.create_job(job)
    client.replace_job("replaced", models.BatchJob(pool_info=models.BatchPoolInfo(pool_id=pool)))
    told = client.get_job("replaced").as_dict()
    assert (told["priority"], told["maxParallelTasks"]) == (0, -1)
    assert told["constraints"] == {"maxWallClockTime": LONGEST, "maxTaskRetryCount": 0}
    assert "metadata" not in told
    assert told["displayName"] == "stays"
    assert told["jobPreparationTask"]["commandLine"] == "true"


@pytest.mark.operation("get_job", "replace_job")
def test_what_was_got_can_be_put_back_changed(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("round", pool, priority=1, allow_task_preemption=True))
    job = client.get_job("round")
    job.priority = 100
    client.replace_job("round", job)
    assert (client.get_job("round").priority, client.get_job("round").allow_task_preemption) == (100, True)


@pytest.mark.operation("update_job", "replace_job")
def test_termination_with_all_tasks_cannot_be_called_off(client: BatchClient, pool: str) -> None:
    client.create_job(
        new_job("engaged", pool, all_tasks_complete_mode=models.BatchAllTasksCompleteMode.TERMINATE_JOB)
    )
    never = models.BatchAllTasksCompleteMode.NO_ACTION
    changes: tuple[Callable[[], object], ...] = (
        lambda: client.update_job("engaged", models.BatchJobUpdateOptions(all_tasks_complete_mode=never)),
        lambda: client.replace_job(
            "engaged", models.BatchJob(pool_info=models.BatchPoolInfo(pool_id=pool), priority=1)
        ),
    )
    for change in changes:
        with pytest.raises(HttpResponseError) as refused:
            change()
        assert refused.value.status_code == 400
        assert refusal(refused.value).values["PropertyName"] == "onAllTasksComplete"
    job = client.get_job("engaged")
    assert (job.all_tasks_complete_mode, job.priority) == ("terminatejob", 0)


@pytest.mark.operation("update_job")
def test_only_a_disabled_job_can_go_to_another_pool(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("moves", pool))
    elsewhere = models.BatchJobUpdateOptions(pool_info=models.BatchPoolInfo(pool_id="other"), priority=7)
    with pytest.raises(HttpResponseError) as refused:
        client.update_job("moves", elsewhere)
    assert refused.value.status_code == 409
    assert client.get_job("moves").priority == 0
    disable_job(client, "moves")
    client.update_job("moves", elsewhere)
    job = client.get_job("moves")
    assert (job.pool_info.pool_id, job.execution_info and job.execution_info.pool_id) == ("other", "other")


@pytest.mark.operation("update_job", "enable_job")
def test_tasks_go_with_a_job_to_its_other_pool(client: BatchClient) -> None:
    client.create_pool(new_pool("left", 0))
    client.create_pool(new_pool("arrived", 1))
    client.create_job(new_job("wanders", "left"))
    client.create_task("wanders", new_task("task"))
    disable_job(client, "wanders")
    there = models.BatchPoolInfo(pool_id="arrived")
    client.update_job("wanders", models.BatchJobUpdateOptions(pool_info=there))
    client.begin_enable_job("wanders", **QUICKLY).result()
    task = wait_for(lambda: client.get_task("wanders", "task"), lambda task: task.state == "completed")
    assert task.node_info is not None
    assert task.node_info.pool_id == "arrived"


# -- conditions -----------------------------------------------------------------------------


@pytest.mark.operation("update_job", "get_job")
def test_change_of_an_outdated_job_is_refused(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("versions", pool))
    first = client.get_job("versions")
    conditions: dict[str, Any] = {"etag": first.etag, "match_condition": MatchConditions.IfNotModified}
    client.update_job("versions", models.BatchJobUpdateOptions(priority=1), **conditions)
    with pytest.raises(ResourceModifiedError) as refused:
        client.update_job("versions", models.BatchJobUpdateOptions(priority=2), **conditions)
    assert refused.value.status_code == 412
    assert refusal(refused.value).code == "ConditionNotMet"
    assert client.get_job("versions").priority == 1


@pytest.mark.operation("get_job")
def test_unchanged_job_is_not_told_again(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("known", pool))
    tag = client.get_job("known").etag
    with pytest.raises(ResourceModifiedError) as refused:  # what the client makes of a 304
        client.get_job("known", etag=tag, match_condition=MatchConditions.IfModified)
    assert refused.value.status_code == 304
    with pytest.raises(ResourceModifiedError):
        client.get_job("known", if_modified_since=dt.datetime.now(dt.timezone.utc) + DAY)


@pytest.mark.operation("delete_job", "disable_job", "terminate_job")
def test_actions_respect_conditions(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("conditional", pool))
    long_ago: dict[str, Any] = {"if_unmodified_since": dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)}
    wait = models.BatchJobDisableOptions(disable_tasks=models.DisableBatchJobOption.WAIT)
    acts: tuple[Callable[[], object], ...] = (
        lambda: client.begin_disable_job("conditional", wait, **long_ago),
        lambda: client.begin_terminate_job(
            "conditional", options=as_sent(terminateReason="enough"), **long_ago
        ),
        lambda: client.begin_delete_job("conditional", **long_ago),
    )
    for act in acts:
        with pytest.raises(HttpResponseError) as refused:
            act()
        assert refused.value.status_code == 412
    assert client.get_job("conditional").state == "active"


# -- deleted --------------------------------------------------------------------------------


@pytest.mark.operation("delete_job", "get_task")
def test_deleted_job_is_gone_with_its_tasks(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("deleted", pool))
    client.create_task("deleted", new_task("task"))
    delete_job(client, "deleted")
    for ask in (
        lambda: client.get_job("deleted"),
        lambda: client.get_task("deleted", "task"),
        lambda: list(client.list_tasks("deleted")),
    ):
        with pytest.raises(ResourceNotFoundError) as refused:
            ask()
        assert refusal(refused.value).code == "JobNotFound"
    client.create_job(new_job("deleted", pool))
    assert list(client.list_tasks("deleted")) == []
