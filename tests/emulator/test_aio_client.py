"""Microsoft's asynchronous client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from azurebatch_emulator import Emulator
from tests.support.batch import as_sent, new_job, new_pool, new_task

T = TypeVar("T")


@pytest.fixture(scope="module")
def pool(emulator: Emulator) -> None:
    pool = new_pool("p", task_slots_per_node=8)
    asyncio.run(_with(emulator, lambda client: client.create_pool(pool)))


async def _with(emulator: Emulator, work: Callable[[BatchClient], Awaitable[T]]) -> T:
    credential = AzureNamedKeyCredential(emulator.account, emulator.key)
    async with BatchClient(emulator.endpoint, credential) as client:
        return await work(client)


Run = Callable[[Callable[[BatchClient], Awaitable[Any]]], Any]


@pytest.fixture
def run(emulator: Emulator, pool: None) -> Run:
    """Runs a coroutine function with a client."""
    return lambda work: asyncio.run(_with(emulator, work))


async def wait_for(what: Callable[[], Awaitable[T]], accept: Callable[[T], bool]) -> T:
    deadline = time.monotonic() + 60
    while not accept(answer := await what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {answer!r}")
        await asyncio.sleep(0.02)
    return answer


@pytest.mark.operation("create_job", "create_task_collection", "get_job_task_counts", "list_tasks")
def test_tasks_run_and_are_listed_page_by_page(run: Run) -> None:
    async def work(client: BatchClient) -> None:
        await client.create_job(new_job("many", "p"))
        tasks = [new_task(f"t{number:03}", f"exit {number % 2}") for number in range(150)]
        added = await client.create_tasks("many", tasks, max_concurrency=2)
        assert len(added.result_values or ()) == 150
        counts = await wait_for(
            lambda: client.get_job_task_counts("many"), lambda counts: counts.task_counts.completed == 150
        )
        assert (counts.task_counts.succeeded, counts.task_counts.failed) == (75, 75)
        pages = client.list_tasks("many", max_results=60, select=["id", "state"]).by_page()
        sizes = [len([task async for task in page]) async for page in pages]
        assert sizes == [60, 60, 30]
        failed = client.list_tasks("many", filter="executionInfo/exitCode ne 0")
        assert len([task async for task in failed]) == 75

    run(work)


@pytest.mark.operation("create_task", "get_task", "download_task_file", "list_task_files")
def test_a_task_runs_and_its_files_are_read(run: Run) -> None:
    async def work(client: BatchClient) -> None:
        await client.create_job(new_job("one", "p"))
        await client.create_task("one", new_task("t", "echo said; head -c 3000000 /dev/zero > large"))
        task = await wait_for(
            lambda: client.get_task("one", "t"), lambda task: task.state == models.BatchTaskState.COMPLETED
        )
        assert task.execution_info is not None
        assert task.execution_info.exit_code == 0
        said = b"".join([part async for part in await client.download_task_file("one", "t", "stdout.txt")])
        assert said == b"said\n"
        large = await client.download_task_file("one", "t", "wd/large")
        assert sum([len(part) async for part in large]) == 3_000_000
        part = await client.download_task_file("one", "t", "wd/large", ocp_range="bytes=10-19")
        assert b"".join([block async for block in part]) == b"\0" * 10
        names = {file.name async for file in client.list_task_files("one", "t", recursive=True)}
        assert names == {"certs", "stderr.txt", "stdout.txt", "wd", "wd/large"}

    run(work)


@pytest.mark.operation("terminate_task", "terminate_job", "get_job", "delete_job")
def test_what_runs_is_ended(run: Run) -> None:
    async def work(client: BatchClient) -> None:
        await client.create_job(new_job("ended", "p"))
        for name in ("first", "second"):
            await client.create_task("ended", new_task(name, "sleep 600"))
        await wait_for(
            lambda: client.get_job_task_counts("ended"), lambda counts: counts.task_counts.running == 2
        )
        await client.terminate_task("ended", "first")
        reason: Any = as_sent(terminateReason="enough")
        poller = await client.begin_terminate_job("ended", reason, polling_interval=0)
        await poller.wait()
        job = await client.get_job("ended")
        assert job.state == models.BatchJobState.COMPLETED
        assert job.execution_info is not None
        assert job.execution_info.termination_reason == "enough"
        async for task in client.list_tasks("ended"):
            assert task.execution_info is not None
            assert task.execution_info.failure_info is not None
            assert task.execution_info.failure_info.code == "TaskEnded"
        poller = await client.begin_delete_job("ended", polling_interval=0)
        await poller.wait()
        with pytest.raises(ResourceNotFoundError):
            await client.get_job("ended")

    run(work)


@pytest.mark.operation("update_job", "pool_exists")
def test_errors_are_those_of_azure_core(run: Run) -> None:
    async def work(client: BatchClient) -> None:
        await client.create_job(new_job("errors", "p"))
        with pytest.raises(ResourceExistsError) as exists:
            await client.create_job(new_job("errors", "p"))
        assert exists.value.error is not None
        assert exists.value.error.code == "JobExists"
        job = await client.get_job("errors")
        await client.update_job("errors", models.BatchJobUpdateOptions(priority=1))
        with pytest.raises(ResourceModifiedError):
            await client.update_job(
                "errors",
                models.BatchJobUpdateOptions(priority=2),
                etag=job.etag,
                match_condition=MatchConditions.IfNotModified,
            )
        with pytest.raises(ResourceNotFoundError):
            await client.pool_exists("none")

    run(work)


def test_many_requests_at_a_time_are_answered(run: Run) -> None:
    async def work(client: BatchClient) -> None:
        await client.create_job(new_job("crowd", "no-pool"))
        await asyncio.gather(*(client.create_task("crowd", new_task(f"t{i}")) for i in range(100)))
        tasks = await asyncio.gather(*(client.get_task("crowd", f"t{i}") for i in range(100)))
        assert [task.id for task in tasks] == [f"t{i}" for i in range(100)]

    run(work)
