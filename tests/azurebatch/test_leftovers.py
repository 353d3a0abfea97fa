"""What jobs leave at Azure is found, with size and age, and removed only when asked for."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.storage.blob import BlobServiceClient

from azurebatch_emulator import Emulator
from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord
from remotebatch.status import JobType
from remotebatch_azurebatch.batch import metadata
from remotebatch_azurebatch.batch.parts import part_of
from remotebatch_azurebatch.maintenance.leftovers import Kind, Leftover, find_leftovers, remove
from remotebatch_azurebatch.settings import AzureBatchSettings
from remotebatch_azurebatch.storage.layout import OBJECTS
from tests.support.azure_command import AzureCommand
from tests.support.batch import QUICKLY, connect, new_pool, new_task, wait_for, wait_for_job
from tests.support.emulator import EmulatorOptions

pytestmark = pytest.mark.azurite

DAY = timedelta(days=1)


EMULATOR: EmulatorOptions = {"runtime": "process", "own_storage": True}
"""Whatever lies in the account is ours."""


@pytest.fixture(scope="module", autouse=True)
def _pool(client: BatchClient) -> None:
    client.create_pool(new_pool("p"))


@pytest.fixture
def blobs(emulator: Emulator) -> Iterator[BlobServiceClient]:
    """The account's blobs; all are removed at the end, as are all jobs."""
    with (
        BlobServiceClient.from_connection_string(emulator.storage_connection_string) as blobs,
        connect(emulator) as client,
    ):
        yield blobs
        for container in blobs.list_containers():
            blobs.delete_container(container.name)
        for job in client.list_jobs():
            client.begin_delete_job(job.id, **QUICKLY).result()


def look(client: BatchClient, blobs: BlobServiceClient, older_than: timedelta = DAY) -> list[Leftover]:
    """What is left over, as seen in a month."""
    return find_leftovers(client, blobs, older_than, now=datetime.now(timezone.utc) + 30 * DAY)


def new_job(client: BatchClient, task_count: int = 1, objects: tuple[str, ...] = (), **options: Any) -> str:
    """A job as the provider makes it, but for its tasks."""
    submission = str(uuid.uuid4())
    job_id = f"remotebatch-{submission}"
    record = JobRecord(
        id=submission,
        provider_job_id=job_id,
        name="f",
        type=JobType.ARRAY,
        submitted_at=0,
        submitted_by="user@host",
        settings=AzureBatchSettings(),
        element_count=task_count,
    )
    items = metadata.items(record, part_of(1, dict.fromkeys(range(task_count), 0)), objects)
    client.create_job(
        models.BatchJobCreateOptions(
            id=job_id,
            pool_info=models.BatchPoolInfo(pool_id="p"),
            metadata=[models.BatchMetadataItem(**item) for item in items],
            **options,
        )
    )
    return job_id


def end(client: BatchClient, job_id: str) -> None:
    reason: Any = {"terminateReason": "enough"}
    client.begin_terminate_job(job_id, options=reason, **QUICKLY).result()
    wait_for_job(client, job_id)


def fill(blobs: BlobServiceClient, container: str, **content: bytes) -> None:
    blobs.create_container(container)
    for name, data in content.items():
        blobs.get_blob_client(container, name).upload_blob(data)


# -- what is found --------------------------------------------------------------------------


def test_nothing_is_left_over_where_nothing_was(client: BatchClient, blobs: BlobServiceClient) -> None:
    assert look(client, blobs) == []


def test_an_ended_job_is_found_with_the_size_of_its_container(
    client: BatchClient, blobs: BlobServiceClient
) -> None:
    job_id = new_job(client)
    fill(blobs, f"job-{job_id}", a=b"x" * 1000, b=b"y" * 24)
    end(client, job_id)
    (found,) = look(client, blobs)
    assert (found.kind, found.name, found.size) == (Kind.ENDED_JOB, job_id, 1024)
    assert (found.jobs, found.container) == ((job_id,), f"job-{job_id}")
    assert 29 * DAY < found.age < 31 * DAY


def test_all_parts_of_a_submission_are_one(client: BatchClient, blobs: BlobServiceClient) -> None:
    job_id = new_job(client)
    client.create_job(
        models.BatchJobCreateOptions(id=f"{job_id}-2", pool_info=models.BatchPoolInfo(pool_id="p"))
    )
    fill(blobs, f"job-{job_id}")
    end(client, job_id)
    (found,) = look(client, blobs)
    assert found.kind is Kind.IDLE_JOB
    end(client, f"{job_id}-2")
    (found,) = look(client, blobs)
    assert (found.kind, sorted(found.jobs)) == (Kind.ENDED_JOB, [job_id, f"{job_id}-2"])


def test_a_job_with_nothing_to_run_is_idle(client: BatchClient, blobs: BlobServiceClient) -> None:
    job_id = new_job(client)
    client.create_task(job_id, new_task("10000001"))
    wait_for(lambda: client.get_job_task_counts(job_id).task_counts.completed == 1)
    (found,) = look(client, blobs)
    assert (found.kind, found.container) == (Kind.IDLE_JOB, None)
    assert "nothing to run" in found.why


def test_a_job_whose_submission_was_cut_says_so(client: BatchClient, blobs: BlobServiceClient) -> None:
    job_id = new_job(client, task_count=5)
    client.create_task(job_id, new_task("10000001"))
    wait_for(lambda: client.get_job_task_counts(job_id).task_counts.completed == 1)
    (found,) = look(client, blobs)
    assert found.why == "its submission was cut: 1 of 5 tasks"


def test_a_job_that_has_something_to_run_is_not_found(client: BatchClient, blobs: BlobServiceClient) -> None:
    job_id = new_job(client)
    client.create_task(job_id, new_task("10000001", "sleep 600"))
    assert look(client, blobs) == []


def test_a_container_without_a_job_is_found(client: BatchClient, blobs: BlobServiceClient) -> None:
    name = f"job-remotebatch-{uuid.uuid4()}"
    fill(blobs, name, a=b"xyz")
    (found,) = look(client, blobs)
    assert (found.kind, found.name, found.size) == (Kind.CONTAINER, name, 3)


def test_objects_that_no_job_refers_to_are_found_after_a_week(
    client: BatchClient, blobs: BlobServiceClient
) -> None:
    new_job(client, objects=("programs/needed", "code/needed"))
    client.create_task(next(iter(client.list_jobs())).id, new_task("10000001", "sleep 600"))
    fill(blobs, OBJECTS, **{"programs/needed": b"1", "code/needed": b"1", "code/unneeded": b"22"})
    (found,) = look(client, blobs)
    assert (found.kind, found.name, found.size) == (Kind.OBJECT, "code/unneeded", 2)
    soon = datetime.now(timezone.utc) + 6 * DAY
    assert find_leftovers(client, blobs, timedelta(0), now=soon) == []


def test_what_is_younger_than_asked_for_is_not_found(client: BatchClient, blobs: BlobServiceClient) -> None:
    end(client, new_job(client))
    fill(blobs, f"job-remotebatch-{uuid.uuid4()}")
    assert len(look(client, blobs, older_than=29 * DAY)) == 2
    assert look(client, blobs, older_than=31 * DAY) == []


def test_a_submission_that_may_be_under_way_is_not_found(
    client: BatchClient, blobs: BlobServiceClient
) -> None:
    new_job(client)
    fill(blobs, f"job-remotebatch-{uuid.uuid4()}")
    assert find_leftovers(client, blobs, timedelta(0)) == []
    later = datetime.now(timezone.utc) + timedelta(hours=1, minutes=1)
    found = find_leftovers(client, blobs, timedelta(0), now=later)
    assert [leftover.kind for leftover in found] == [Kind.IDLE_JOB, Kind.CONTAINER]


def test_what_is_not_ours_is_not_found(client: BatchClient, blobs: BlobServiceClient) -> None:
    client.create_job(
        models.BatchJobCreateOptions(id="remotebatch-mine", pool_info=models.BatchPoolInfo(pool_id="p"))
    )
    fill(blobs, "job-remotebatch-mine")
    fill(blobs, "job-of-another")
    assert look(client, blobs) == []


def test_metadata_that_cannot_be_read_keeps_all_objects(
    client: BatchClient, blobs: BlobServiceClient
) -> None:
    job_id = f"remotebatch-{uuid.uuid4()}"
    client.create_job(
        models.BatchJobCreateOptions(
            id=job_id,
            pool_info=models.BatchPoolInfo(pool_id="p"),
            metadata=[models.BatchMetadataItem(name="remotebatch.objects", value="{")],
        )
    )
    fill(blobs, OBJECTS, a=b"")
    with pytest.raises(ProviderError, match=job_id):
        look(client, blobs)


# -- what is removed ------------------------------------------------------------------------


def test_all_that_was_found_can_be_removed(client: BatchClient, blobs: BlobServiceClient) -> None:
    ended, idle = new_job(client), new_job(client)
    end(client, ended)
    for name in (f"job-{ended}", f"job-{idle}", f"job-remotebatch-{uuid.uuid4()}", OBJECTS):
        fill(blobs, name, a=b"1")
    found = look(client, blobs)
    assert [leftover.kind for leftover in found] == list(Kind)
    assert remove(found, client, blobs) == found
    wait_for(lambda: not list(client.list_jobs()))
    assert [container.name for container in blobs.list_containers()] == [OBJECTS]
    assert look(client, blobs) == []
    assert remove(found, client, blobs) == found  # gone already


def test_an_object_that_is_needed_again_stays(client: BatchClient, blobs: BlobServiceClient) -> None:
    fill(blobs, OBJECTS, a=b"1", b=b"2")
    found = look(client, blobs)
    new_job(client, objects=("a",))
    blobs.get_blob_client(OBJECTS, "b").upload_blob(b"2", overwrite=True)
    assert remove(found, client, blobs) == []
    assert [blob.name for blob in blobs.get_container_client(OBJECTS).list_blobs()] == ["a", "b"]


# -- from the command line ------------------------------------------------------------------


def test_leftovers_from_the_command_line(
    client: BatchClient, blobs: BlobServiceClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = AzureCommand(emulator, monkeypatch)

    def run(*arguments: str, **options: Any) -> str:
        return azure("leftovers", *arguments, **options)

    assert run() == "Nothing is left over\n"
    job_id = new_job(client)
    fill(blobs, f"job-{job_id}", a=b"x" * 2048)
    end(client, job_id)
    assert run() == "Nothing is left over\n"  # nothing so old
    assert "2.0 KiB" in run("--older-than", "0")
    (shown,) = json.loads(run("--older-than", "0", "--json"))
    assert (shown["kind"], shown["name"], shown["bytes"], shown["removed"]) == (
        "ended job",
        job_id,
        2048,
        False,
    )
    assert "Aborted" in run("--older-than", "0", "--remove", answer="n\n", code=1)
    assert client.get_job(job_id)
    assert "Removed 1 of 1" in run("--older-than", "0", "--remove", "--yes")
    wait_for(lambda: not list(client.list_jobs()))
