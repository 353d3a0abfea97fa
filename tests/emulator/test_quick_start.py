"""The first program that people write for Azure Batch, with nothing but Microsoft's two clients."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
from azure.batch import BatchClient, models
from azure.storage.blob import (
    BlobSasPermissions,
    BlobServiceClient,
    ContainerSasPermissions,
    generate_blob_sas,
    generate_container_sas,
)

from azurebatch_emulator import Emulator
from tests.support.batch import connect

POOL, JOB, INPUT, OUTPUT = "quick-pool", "quick-job", "quick-input", "quick-output"
TEXTS = {f"text{number}.txt": f"line one of {number}\nline two of {number}\n" for number in range(3)}


@pytest.fixture
def batch(emulator: Emulator) -> Iterator[BatchClient]:
    with connect(emulator) as batch:
        yield batch


@pytest.fixture
def blobs(emulator: Emulator) -> Iterator[BlobServiceClient]:
    with BlobServiceClient.from_connection_string(emulator.storage_connection_string) as blobs:
        yield blobs


@pytest.mark.operation(
    "create_pool", "create_job", "create_task_collection", "list_tasks", "download_task_file",
    "delete_job", "delete_pool",
)  # fmt: skip
def test_the_quick_start_runs_to_its_end(batch: BatchClient, blobs: BlobServiceClient) -> None:
    inputs = upload_inputs(blobs)
    create_pool(batch)
    create_job(batch)
    add_tasks(batch, inputs, output_url(blobs))
    wait_for_tasks(batch, timeout=timedelta(minutes=1))

    assert read_outputs(batch) == {name: f"{name} has 8 words\n" for name in TEXTS}
    output = blobs.get_container_client(OUTPUT)
    uploaded = {blob.name: output.download_blob(blob.name).readall().decode() for blob in output.list_blobs()}
    assert uploaded == {f"{name}/upper.txt": text.upper() for name, text in TEXTS.items()}

    clean_up(batch, blobs)
    assert not list(batch.list_jobs())
    assert not list(batch.list_pools())


def upload_inputs(blobs: BlobServiceClient) -> list[models.ResourceFile]:
    """Upload the texts; each becomes a resource file that anybody with its address may read."""
    container = blobs.create_container(INPUT)
    for name, text in TEXTS.items():
        container.upload_blob(name, text)
    return [models.ResourceFile(http_url=input_url(blobs, name), file_path=name) for name in TEXTS]


def input_url(blobs: BlobServiceClient, name: str) -> str:
    signature = generate_blob_sas(
        blobs.account_name or "",
        INPUT,
        name,
        account_key=blobs.credential.account_key,
        permission=BlobSasPermissions(read=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=2),
    )
    return f"{blobs.url}{INPUT}/{name}?{signature}"


def output_url(blobs: BlobServiceClient) -> str:
    """The address of a container that anybody who has it may write to."""
    blobs.create_container(OUTPUT)
    signature = generate_container_sas(
        blobs.account_name or "",
        OUTPUT,
        account_key=blobs.credential.account_key,
        permission=ContainerSasPermissions(write=True, create=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=2),
    )
    return f"{blobs.url}{OUTPUT}?{signature}"


def create_pool(batch: BatchClient) -> None:
    image = models.BatchVmImageReference(
        publisher="canonical", offer="0001-com-ubuntu-server-jammy", sku="22_04-lts", version="latest"
    )
    batch.create_pool(
        models.BatchPoolCreateOptions(
            id=POOL,
            virtual_machine_configuration=models.VirtualMachineConfiguration(
                image_reference=image, node_agent_sku_id="batch.node.ubuntu 22.04"
            ),
            vm_size="STANDARD_DS1_V2",
            target_dedicated_nodes=2,
        )
    )


def create_job(batch: BatchClient) -> None:
    batch.create_job(models.BatchJobCreateOptions(id=JOB, pool_info=models.BatchPoolInfo(pool_id=POOL)))


def add_tasks(batch: BatchClient, inputs: list[models.ResourceFile], url: str) -> None:
    tasks = []
    for number, file in enumerate(inputs):
        name = file.file_path
        script = f"tr a-z A-Z < {name} > upper.txt && echo {name} has $(wc -w < {name}) words"
        destination = models.OutputFileBlobContainerDestination(container_url=url, path=f"{name}/upper.txt")
        output = models.OutputFile(
            file_pattern="upper.txt",
            destination=models.OutputFileDestination(container=destination),
            upload_options=models.OutputFileUploadConfiguration(
                upload_condition=models.OutputFileUploadCondition.TASK_SUCCESS
            ),
        )
        tasks.append(
            models.BatchTaskCreateOptions(
                id=f"task{number}",
                command_line=f'/bin/bash -c "{script}"',
                resource_files=[file],
                output_files=[output],
            )
        )
    batch.create_tasks(JOB, tasks)


def wait_for_tasks(batch: BatchClient, timeout: timedelta) -> None:
    deadline = datetime.now(timezone.utc) + timeout
    while datetime.now(timezone.utc) < deadline:
        if all(task.state == models.BatchTaskState.COMPLETED for task in batch.list_tasks(JOB)):
            return
        time.sleep(0.1)
    raise TimeoutError(f"the tasks did not complete within {timeout}")


def read_outputs(batch: BatchClient) -> dict[str, str]:
    """What each task has written, by the name of its input."""
    outputs = {}
    for task in batch.list_tasks(JOB):
        assert task.execution_info is not None
        assert task.execution_info.result == models.BatchTaskExecutionResult.SUCCESS
        stream = batch.download_task_file(JOB, task.id, "stdout.txt")
        outputs[f"text{task.id[-1]}.txt"] = b"".join(stream).decode("utf-8")
    return outputs


def clean_up(batch: BatchClient, blobs: BlobServiceClient) -> None:
    for container in (INPUT, OUTPUT):
        blobs.delete_container(container)
    for poller in (
        batch.begin_delete_job(JOB, polling_interval=1),
        batch.begin_delete_pool(POOL, polling_interval=1),
    ):
        poller.wait()
