"""How much an account may have at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError

from azurebatch_emulator import Quotas
from tests.support.batch import (
    QUICKLY,
    delete_job,
    disable_job,
    new_job,
    new_pool,
    refusal,
    terminate_job,
    wait_for,
)
from tests.support.emulator import AT_ONCE, EmulatorOptions

EMULATOR: EmulatorOptions = {"quotas": Quotas(active_jobs=2, pools=1, nodes=3), "timings": AT_ONCE}


def new_schedule(schedule_id: str) -> models.BatchJobScheduleCreateOptions:
    """A schedule that makes no job for a long time."""
    return models.BatchJobScheduleCreateOptions(
        {
            "id": schedule_id,
            "schedule": {"doNotRunUntil": "2100-01-01T00:00:00Z"},
            "jobSpecification": {"poolInfo": {"poolId": "none"}},
        }
    )


def refused_code(error: HttpResponseError) -> tuple[int | None, str]:
    return error.status_code, refusal(error).code


@pytest.mark.operation("create_job", "create_job_schedule")
def test_jobs_and_schedules_share_a_quota(client: BatchClient) -> None:
    client.create_job(new_job("one", "none"))
    client.create_job_schedule(new_schedule("schedule"))
    makers: tuple[Callable[[], object], ...] = (
        lambda: client.create_job(new_job("two", "none")),
        lambda: client.create_job_schedule(new_schedule("another")),
    )
    for make in makers:
        with pytest.raises(HttpResponseError) as refused:
            make()
        assert refused_code(refused.value) == (409, "ActiveJobAndScheduleQuotaReached")
    disable_job(client, "one")
    client.disable_job_schedule("schedule")
    with pytest.raises(HttpResponseError) as refused:
        client.create_job(new_job("two", "none"))
    assert refused_code(refused.value) == (409, "ActiveJobAndScheduleQuotaReached")
    terminate_job(client, "one")
    client.create_job(new_job("two", "none"))
    client.begin_terminate_job_schedule("schedule", **QUICKLY).result()
    client.create_job(new_job("three", "none"))
    delete_job(client, "two")
    client.create_job(new_job("four", "none"))
    for job_id in ("three", "four"):
        delete_job(client, job_id)


@pytest.mark.operation("create_pool", "get_pool", "resize_pool")
def test_a_pool_has_no_more_nodes_than_its_account(client: BatchClient) -> None:
    client.create_pool(new_pool("large", 2**31 - 1, target_low_priority_nodes=1))
    pool = wait_for(lambda: client.get_pool("large"), lambda pool: pool.allocation_state == "steady")
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (3, 0)
    codes = [error.code for error in pool.resize_errors or ()]
    assert codes == ["AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"]
    sizes = models.BatchPoolResizeOptions(target_dedicated_nodes=2, target_low_priority_nodes=0)
    client.begin_resize_pool("large", sizes, **QUICKLY).result()
    assert client.get_pool("large").resize_errors is None
    client.begin_delete_pool("large", **QUICKLY).result()


@pytest.mark.operation("create_pool", "create_job", "delete_pool")
def test_automatic_pools_count_as_pools(client: BatchClient) -> None:
    client.create_pool(new_pool("pool", 0))
    with pytest.raises(HttpResponseError) as refused:
        client.create_pool(new_pool("another", 0))
    assert refused_code(refused.value) == (409, "PoolQuotaReached")
    machine = new_pool("unused").virtual_machine_configuration
    pool = models.BatchPoolSpecification(vm_size="a", virtual_machine_configuration=machine)
    automatic = models.BatchAutoPoolSpecification(pool_lifetime_option="job", pool=pool)
    job = models.BatchJobCreateOptions(
        id="automatic", pool_info=models.BatchPoolInfo(auto_pool_specification=automatic)
    )
    with pytest.raises(HttpResponseError) as refused:
        client.create_job(job)
    assert refused_code(refused.value) == (409, "PoolQuotaReached")
    assert "automatic" not in [job.id for job in client.list_jobs()]
    client.begin_delete_pool("pool", **QUICKLY).result()
    client.create_job(job)
