"""Blob containers that tasks read from and write to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from azure.batch import models
from azure.storage.blob import BlobServiceClient, ContainerClient, generate_container_sas

__all__ = ["container_url", "new_container", "output", "stored"]


@contextmanager
def new_container(connection_string: str) -> Iterator[ContainerClient]:
    """An empty container."""
    with BlobServiceClient.from_connection_string(connection_string) as service:
        yield service.create_container(f"tasks-{uuid.uuid4().hex}")


def container_url(container: ContainerClient, permission: str = "rwl", suffix: str = "") -> str:
    """A container's address with a shared access signature.

    :param suffix: makes it the address of another container, which is not there.
    """
    signature = generate_container_sas(
        str(container.account_name),
        container.container_name + suffix,
        account_key=container.credential.account_key,
        permission=permission,
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    return f"{container.url}{suffix}?{signature}"


def output(
    pattern: str, url: str, path: str | None = None, condition: str = "taskcompletion"
) -> models.OutputFile:
    """Files that a task uploads."""
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(
            container=models.OutputFileBlobContainerDestination(container_url=url, path=path)
        ),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
    )


def stored(container: ContainerClient) -> dict[str, bytes]:
    """What lies in a container."""
    names = [blob.name for blob in container.list_blobs()]
    return {name: container.download_blob(name).readall() for name in names}
