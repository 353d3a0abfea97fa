"""Requests that make, change, end and remove Azure Batch jobs; a repeated one does no harm."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from azure.batch import BatchClient
from azure.batch.models import BatchAllTasksCompleteMode, BatchJobCreateOptions, BatchJobUpdateOptions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.rest import HttpRequest, HttpResponse

from remotebatch.errors import ProviderError
from remotebatch_azurebatch.accounts.clients import API_VERSION
from remotebatch_azurebatch.accounts.errors import code_of, explain
from remotebatch_azurebatch.batch import values
from remotebatch_azurebatch.batch.repetition import JOB_HAS_ENDED, TOO_LARGE, insist

_QUOTA_PAUSE = 10.0
"""Seconds between tries while the account has as many active jobs as it may."""
_log = logging.getLogger("remotebatch")


def create(
    client: BatchClient, azure_id: str, body: Callable[[], Mapping[str, Any]], wait_for_quota: bool
) -> bool:
    """Make an Azure job.

    :param body: makes what is sent; called again after a wait, as signatures in it expire.
    :param wait_for_quota: whether to wait while the account has as many active jobs as it may.
    :returns: False if there is one of that id already.
    :raises ProviderError: if it is refused.
    """
    doing = f"job {azure_id!r} cannot be made"
    warned = False
    while True:
        add = functools.partial(client.create_job, BatchJobCreateOptions(body()))
        try:
            insist(add, doing)
        except HttpResponseError as error:
            code = code_of(error)
            if code == "jobexists":
                return False
            if error.status_code == TOO_LARGE:
                raise ProviderError(
                    f"{doing}: it is too large for a request. Input files and environment variables count: "
                    "put many input files into an archive"
                ) from error
            if code == "invalidpropertyvalue" and "resourcefiles" in str(error).lower():
                raise ProviderError(
                    f"{doing}: it has more input files than Azure takes, whose list of them is limited to "
                    "32,768 characters: put many into an archive"
                ) from error
            if code != "activejobandschedulequotareached":
                raise explain(error, doing) from error
            if not wait_for_quota:
                raise ProviderError(
                    f"{doing}: the account has as many active jobs as its quota allows. End some "
                    "('remotebatch azure leftovers' lists idle ones), ask Azure for a higher quota, or set "
                    "wait_for_quota=True"
                ) from error
            if not warned:
                _log.warning("waiting: the account has as many active jobs as its quota allows")
                warned = True
            time.sleep(_QUOTA_PAUSE)
        else:
            return True


def let_end(client: BatchClient, azure_id: str) -> None:
    """Have an Azure job end as soon as its tasks have, as it may be now that it has them all."""
    doing = f"job {azure_id!r} cannot be changed"
    change = BatchJobUpdateOptions(all_tasks_complete_mode=BatchAllTasksCompleteMode.TERMINATE_JOB)
    try:
        insist(lambda: client.update_job(azure_id, change), doing)
    except HttpResponseError as error:
        if code_of(error) not in JOB_HAS_ENDED:
            raise explain(error, doing) from error


def terminate(client: BatchClient, azure_id: str, reason: str) -> None:
    """End an Azure job with all of its tasks, if it has not ended."""
    _act(client, azure_id, "POST", f"jobs/{azure_id}/terminate", {"terminateReason": reason})


def delete(client: BatchClient, azure_id: str) -> None:
    """Remove an Azure job, if it is there."""
    _act(client, azure_id, "DELETE", f"jobs/{azure_id}", None)


def _act(client: BatchClient, azure_id: str, method: str, path: str, body: Any) -> None:
    """Send a request without the client's own pollers, which would ask on in a thread of theirs."""

    def send() -> None:
        request = HttpRequest(method, f"/{path}?api-version={API_VERSION}", json=body)
        request.headers["Accept"] = "application/json"
        if body is not None:
            request.headers["Content-Type"] = "application/json; odata=minimalmetadata"
        client.send_request(request).raise_for_status()

    doing = f"job {azure_id!r} cannot be ended"
    try:
        insist(send, doing)
    except ResourceNotFoundError:
        return
    except HttpResponseError as error:
        if _code_in(error) not in JOB_HAS_ENDED:
            raise explain(error, doing) from error


def _code_in(error: HttpResponseError) -> str:
    """The code of an error that no model of the client has read."""
    try:
        response = cast(HttpResponse, error.response)
        return values.lower(response.json()["code"])
    except (ValueError, KeyError, AttributeError):
        return ""
