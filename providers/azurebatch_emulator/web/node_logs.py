"""Logs of a node's agent, uploaded to a container of the client's choice."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import uuid
from datetime import datetime, timezone

from azure.storage.blob import ContainerClient

from azurebatch_emulator.execution.storage import REMOTE_ERRORS, Storage, check_url
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.common import moment, now
from azurebatch_emulator.protocol.models.files import UploadLogs, UploadLogsResult
from azurebatch_emulator.state.node import Node

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")  # local time, as each message begins


async def upload(node: Node, storage: Storage, wanted: UploadLogs) -> UploadLogsResult:
    """Upload the service's own log, which is what a node here has for a log.

    :raises BatchServiceError: if the container cannot be written.
    """
    log = os.path.join(node.pool.configuration.data, "service.log")
    directory = "/".join(
        (
            f"{node.pool.configuration.account}-{secrets.token_hex(8)}",
            node.pool.key,
            node.resource.id,
            str(uuid.uuid4()),
        )
    )
    begins, ends = moment(wanted.start_time), moment(wanted.end_time or now())
    due = begins.timestamp() <= os.path.getmtime(log) and _first_message(log) <= ends
    if due:
        as_account = wanted.identity_reference is not None
        try:
            check_url(wanted.container_url, "containerUrl")
            container = storage.container(wanted.container_url, as_account)
            await asyncio.to_thread(_upload, container, f"{directory}/service.log", log)
        except (*REMOTE_ERRORS, ValueError) as error:
            raise BatchServiceError(
                "InvalidPropertyValue", PropertyName="containerUrl", Reason=str(error).partition("\n")[0]
            ) from error
    return UploadLogsResult(virtual_directory_name=directory, number_of_files_uploaded=int(due))


def _first_message(log: str) -> datetime:
    """When the oldest message of a log was written."""
    with open(log, encoding="utf-8", errors="replace") as lines:
        times = filter(None, (_TIME.match(line) for line in lines))
        first = next(times, None)
    return (
        datetime.fromisoformat(first[0]).astimezone() if first else datetime.max.replace(tzinfo=timezone.utc)
    )


def _upload(container: ContainerClient, name: str, path: str) -> None:
    with open(path, "rb") as file:
        container.upload_blob(name, file, overwrite=True)
