"""Requests that make, change, end and remove Azure Batch jobs and tasks; a repeated one does no harm.

What Microsoft's client repeats by itself is left to it: 500, 503 and 504, and whatever says when to come
again. Of a POST it does not repeat what was answered 408, 429 or 502 without saying so, nor one whose
connection was cut, for it cannot know whether the work was done. Here all ids are fixed, so that "it
exists" says that it was.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from azure.batch import BatchClient
from azure.batch.models import (
    BatchAllTasksCompleteMode,
    BatchJobCreateOptions,
    BatchJobUpdateOptions,
    BatchTaskGroup,
)
from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest, HttpResponse

from remotebatch.errors import ProviderError, ProviderUnavailable
from remotebatch_azurebatch.accounts.clients import API_VERSION
from remotebatch_azurebatch.accounts.errors import code_of, explain
from remotebatch_azurebatch.batch import queries, values

COLLECTION = 100
"""Tasks that one request may add (Azure)."""
_AT_ONCE = 4
_TRIES = 6
_FIRST_PAUSE = 0.2  # seconds, doubled each time
_QUOTA_PAUSE = 10.0
_ENDED = frozenset({"jobcompleted", "jobbeingterminated", "jobbeingdeleted", "jobnotactive", "jobnotfound"})
_NOT_RUNNING = frozenset({"taskcompleted", "tasknotfound", *_ENDED})
_TOO_LARGE = 413
_NOT_REPEATED = frozenset({408, 429, 502})
"""Passing troubles after which the client repeats no POST, unless the answer says when to."""
_log = logging.getLogger("remotebatch")

Task = Mapping[str, Any]
Answer = TypeVar("Answer")


class JobEnded(Exception):
    """An Azure job has ended before all of its tasks were added.

    :ivar indices: of those that were not.
    """

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__(f"{len(indices)} tasks were not added")
        self.indices = indices


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
            _insist(add, doing)
        except HttpResponseError as error:
            code = code_of(error)
            if code == "jobexists":
                return False
            if error.status_code == _TOO_LARGE:
                raise ProviderError(
                    f"{doing}: it is too large for a request. Input files and environment variables count: "
                    "put many input files into an archive"
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


def add_tasks(
    client: BatchClient, azure_id: str, indices: Sequence[int], task: Callable[[int], Task]
) -> None:
    """Add tasks, by the hundred and several hundreds at a time; those that are there already stay.

    :param task: makes the task of an index, when its turn has come: they are never all in memory.
    :raises JobEnded: if the job has ended meanwhile.
    :raises ProviderError: if one is refused.
    """
    collections = [indices[start : start + COLLECTION] for start in range(0, len(indices), COLLECTION)]

    def add(collection: Sequence[int]) -> list[int]:
        by_id = {made["id"]: (index, made) for index, made in ((index, task(index)) for index in collection)}
        left = _add_collection(client, azure_id, [made for _, made in by_id.values()])
        return [by_id[made["id"]][0] for made in left]

    left: list[int] = []
    with ThreadPoolExecutor(_AT_ONCE, "remotebatch-add") as executor:
        adding = [executor.submit(add, each) for each in collections]
        try:
            for added in adding:
                left += added.result()
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise
    if left:
        there = queries.task_ids(
            client, azure_id
        )  # some may have been added by requests whose answers were lost
        left = [index for index in left if task(index)["id"] not in there]
    if left:
        raise JobEnded(left)


def let_end(client: BatchClient, azure_id: str) -> None:
    """Have an Azure job end as soon as its tasks have, as it may be now that it has them all."""
    doing = f"job {azure_id!r} cannot be changed"
    change = BatchJobUpdateOptions(all_tasks_complete_mode=BatchAllTasksCompleteMode.TERMINATE_JOB)
    try:
        _insist(lambda: client.update_job(azure_id, change), doing)
    except HttpResponseError as error:
        if code_of(error) not in _ENDED:
            raise explain(error, doing) from error


def terminate(client: BatchClient, azure_id: str, reason: str) -> None:
    """End an Azure job with all of its tasks, if it has not ended."""
    _act(client, azure_id, "POST", f"jobs/{azure_id}/terminate", {"terminateReason": reason})


def delete(client: BatchClient, azure_id: str) -> None:
    """Remove an Azure job, if it is there."""
    _act(client, azure_id, "DELETE", f"jobs/{azure_id}", None)


def terminate_tasks(client: BatchClient, tasks: Sequence[tuple[str, str]]) -> None:
    """End single tasks, each given by its Azure job and its own id; ended ones stay as they are."""
    with ThreadPoolExecutor(_AT_ONCE, "remotebatch-end") as executor:
        for ended in [executor.submit(_terminate_task, client, *each) for each in tasks]:
            ended.result()


# -- within ---------------------------------------------------------------------------------


def _insist(request: Callable[[], Answer], doing: str) -> Answer:
    """Repeat a request that the client does not repeat by itself.

    :raises HttpResponseError: if it is answered otherwise.
    :raises ProviderUnavailable: if its connection fails each time.
    """
    pause = _FIRST_PAUSE
    for _ in range(_TRIES - 1):
        try:
            return request()
        except HttpResponseError as error:
            if error.status_code not in _NOT_REPEATED:
                raise
        except (ServiceRequestError, ServiceResponseError):
            pass
        time.sleep(pause)
        pause *= 2
    try:
        return request()
    except (ServiceRequestError, ServiceResponseError) as error:
        raise explain(error, doing) from error


def _add_collection(client: BatchClient, azure_id: str, tasks: Sequence[Task]) -> list[Task]:
    """Add up to a hundred tasks; those are returned that were not, since the job has ended."""
    doing = f"tasks cannot be added to job {azure_id!r}"
    pause = _FIRST_PAUSE
    for _ in range(_TRIES):
        group = cast(BatchTaskGroup, {"value": tasks})
        add = functools.partial(client.create_task_collection, azure_id, group)
        try:
            answer = _insist(add, doing)
        except HttpResponseError as error:
            if error.status_code == _TOO_LARGE and len(tasks) > 1:
                half = len(tasks) // 2
                return [
                    part
                    for each in (tasks[:half], tasks[half:])
                    for part in _add_collection(client, azure_id, each)
                ]
            if code_of(error) in _ENDED:
                return list(tasks)
            raise explain(error, doing) from error
        results = {result["taskId"]: result for result in answer["value"]}
        again = [task for task in tasks if not _is_added(azure_id, results.get(task["id"]))]
        if not again:
            return []
        tasks = again
        time.sleep(pause)
        pause *= 2
    raise ProviderUnavailable(
        f"{doing}: the service failed {_TRIES} times on task {tasks[0]['id']}; try again"
    )


def _is_added(azure_id: str, result: Mapping[str, Any] | None) -> bool:
    """Whether a task was added, going by its own line of the answer; False if it is to be tried again.

    :raises ProviderError: if it was refused.
    """
    if result is None:
        return False
    status, error = values.lower(result["status"]), result.get("error") or {}
    if status == "success" or error.get("code") == "TaskExists":
        return True
    if status == "clienterror":
        words = (error.get("message") or {}).get("value") or ""
        reason = f"{error.get('code')}: {words.partition(chr(10))[0]}"
        raise ProviderError(f"task {result['taskId']} of job {azure_id!r} was refused: {reason}")
    return False


def _terminate_task(client: BatchClient, azure_id: str, task_id: str) -> None:
    doing = f"task {task_id} of job {azure_id!r} cannot be ended"
    try:
        _insist(lambda: client.terminate_task(azure_id, task_id), doing)
    except HttpResponseError as error:
        if code_of(error) not in _NOT_RUNNING:
            raise explain(error, doing) from error


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
        _insist(send, doing)
    except ResourceNotFoundError:
        return
    except HttpResponseError as error:
        if _code_in(error) not in _ENDED:
            raise explain(error, doing) from error


def _code_in(error: HttpResponseError) -> str:
    """The code of an error that no model of the client has read."""
    try:
        response = cast(HttpResponse, error.response)
        return values.lower(response.json()["code"])
    except (ValueError, KeyError, AttributeError):
        return ""
