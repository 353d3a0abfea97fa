"""Pools that are made for a job or a job schedule, and go with it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from azure.batch import BatchClient, models

from tests.support.batch import QUICKLY, delete_job, new_pool, new_task, terminate_job, wait_for
from tests.support.schedules import HOUR, change_times, create_schedule, jobs, now


def automatic_pool(keep_alive: bool | None = None, **options: Any) -> models.BatchPoolInfo:
    pool = new_pool("unused", **options)
    specification = models.BatchPoolSpecification(
        vm_size=pool.vm_size,
        virtual_machine_configuration=pool.virtual_machine_configuration,
        target_dedicated_nodes=pool.target_dedicated_nodes,
    )
    automatic = models.BatchAutoPoolSpecification(
        pool_lifetime_option=models.BatchPoolLifetimeOption.JOB, keep_alive=keep_alive, pool=specification
    )
    return models.BatchPoolInfo(auto_pool_specification=automatic)


def pool_of(client: BatchClient, job_id: str) -> str:
    execution = client.get_job(job_id).execution_info
    assert execution is not None
    assert execution.pool_id is not None
    return execution.pool_id


@pytest.mark.operation("create_job", "get_job", "get_pool")
def test_automatic_pool_is_made_for_a_job_and_goes_with_it(client: BatchClient) -> None:
    job = models.BatchJobCreateOptions(id="automatic", pool_info=automatic_pool())
    client.create_job(job)
    pool_id = pool_of(client, "automatic")
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", pool_id)
    automatic = client.get_job("automatic").as_dict()["poolInfo"]["autoPoolSpecification"]
    assert (automatic["poolLifetimeOption"], automatic["keepAlive"]) == ("job", False)
    assert automatic["pool"]["taskSlotsPerNode"] == 1
    client.create_task("automatic", new_task("task", "exit 0"))
    wait_for(lambda: client.get_task("automatic", "task"), lambda task: task.state == "completed")
    assert client.get_pool(pool_id).current_dedicated_nodes == 1
    terminate_job(client, "automatic")
    wait_for(lambda: pool_id not in [pool.id for pool in client.list_pools()])


@pytest.mark.operation("create_job", "update_job", "delete_job")
def test_automatic_pool_outlives_its_job_if_it_is_to_be_kept(client: BatchClient) -> None:
    client.create_job(models.BatchJobCreateOptions(id="keeps", pool_info=automatic_pool(True, nodes=0)))
    client.create_job(models.BatchJobCreateOptions(id="comes-to", pool_info=automatic_pool(False, nodes=0)))
    pools = {pool_of(client, "keeps"), pool_of(client, "comes-to")}
    change = models.BatchJobUpdateOptions(pool_info=automatic_pool(True, nodes=0))
    client.update_job("comes-to", change)
    for job_id in ("keeps", "comes-to"):
        delete_job(client, job_id)
    assert pools <= {pool.id for pool in client.list_pools(filter="state eq 'active'")}


@pytest.mark.operation("create_job")
def test_automatic_pool_may_have_a_prefix(client: BatchClient) -> None:
    pool_info = automatic_pool(nodes=0)
    assert pool_info.auto_pool_specification is not None
    pool_info.auto_pool_specification.auto_pool_id_prefix = "mine"
    client.create_job(models.BatchJobCreateOptions(id="prefixed", pool_info=pool_info))
    assert pool_of(client, "prefixed").startswith("mine")


@pytest.mark.operation("create_job_schedule", "terminate_job_schedule")
@pytest.mark.parametrize("keep_alive", [False, True])
def test_automatic_pool_may_live_as_long_as_the_schedule(client: BatchClient, keep_alive: bool) -> None:
    machine = new_pool("unused").as_dict()["virtualMachineConfiguration"]
    automatic = {
        "poolLifetimeOption": "jobschedule",
        "keepAlive": keep_alive,
        "pool": {"vmSize": "a", "virtualMachineConfiguration": machine},
    }
    schedule_id = f"pooled-{keep_alive}"
    create_schedule(
        client,
        schedule_id,
        {"recurrenceInterval": "PT1H"},
        poolInfo={"autoPoolSpecification": automatic},
    )

    wait_for(lambda: jobs(client, schedule_id))
    pool_id = pool_of(client, f"{schedule_id}:job-1")
    terminate_job(client, f"{schedule_id}:job-1")
    assert client.get_pool(pool_id).state == "active"
    change_times(client, schedule_id, do_not_run_until=now(), recurrence_interval=HOUR)
    wait_for(lambda: len(jobs(client, schedule_id)) == 2)
    assert pool_of(client, f"{schedule_id}:job-2") == pool_id
    client.begin_terminate_job_schedule(schedule_id, **QUICKLY).result()
    if keep_alive:
        assert client.get_pool(pool_id).state == "active"
    else:
        wait_for(lambda: pool_id not in [pool.id for pool in client.list_pools()])
