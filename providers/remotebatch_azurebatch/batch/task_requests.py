"""Requests that add and end tasks of Azure Batch jobs; a repeated one does no harm."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from azure.batch import BatchClient
from azure.batch.models import BatchTaskGroup
from azure.core.exceptions import HttpResponseError

from remotebatch.errors import ProviderError, ProviderUnavailable
from remotebatch_azurebatch.accounts.errors import code_of, explain
from remotebatch_azurebatch.batch import queries, repetition, values
from remotebatch_azurebatch.batch.repetition import JOB_HAS_ENDED, TOO_LARGE, insist

COLLECTION = 100
"""Tasks that one request may add (Azure)."""
_AT_ONCE = 4
_NOT_RUNNING = frozenset({"taskcompleted", "tasknotfound", *JOB_HAS_ENDED})

Task = Mapping[str, Any]


class JobEnded(Exception):
    """An Azure job has ended before all of its tasks were added.

    :ivar indices: of those that were not.
    """

    def __init__(self, indices: Sequence[int]) -> None:
        super().__init__(f"{len(indices)} tasks were not added")
        self.indices = indices


def add(client: BatchClient, azure_id: str, indices: Sequence[int], task: Callable[[int], Task]) -> None:
    """Add tasks, by the hundred and several hundreds at a time; those that are there already stay.

    :param task: makes the task of an index, when its turn has come: they are never all in memory.
    :raises JobEnded: if the job has ended meanwhile.
    :raises ProviderError: if one is refused.
    """
    collections = [indices[start : start + COLLECTION] for start in range(0, len(indices), COLLECTION)]

    def add_collection(collection: Sequence[int]) -> list[int]:
        by_id = {made["id"]: (index, made) for index, made in ((index, task(index)) for index in collection)}
        left = _add_collection(client, azure_id, [made for _, made in by_id.values()])
        return [by_id[made["id"]][0] for made in left]

    left: list[int] = []
    with ThreadPoolExecutor(_AT_ONCE, "remotebatch-add") as executor:
        adding = [executor.submit(add_collection, each) for each in collections]
        try:
            for added in adding:
                left += added.result()
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise
    if left:
        # some may have been added by requests whose answers were lost
        there = queries.task_ids(client, azure_id)
        left = [index for index in left if task(index)["id"] not in there]
    if left:
        raise JobEnded(left)


def terminate(client: BatchClient, tasks: Sequence[tuple[str, str]]) -> None:
    """End single tasks, each given by its Azure job and its own id; ended ones stay as they are."""
    with ThreadPoolExecutor(_AT_ONCE, "remotebatch-end") as executor:
        for ended in [executor.submit(_terminate, client, *each) for each in tasks]:
            ended.result()


def _add_collection(client: BatchClient, azure_id: str, tasks: Sequence[Task]) -> list[Task]:
    """Add up to a hundred tasks; those are returned that were not, since the job has ended."""
    doing = f"tasks cannot be added to job {azure_id!r}"
    pause = repetition.FIRST_PAUSE
    for _ in range(repetition.TRIES):
        group = cast(BatchTaskGroup, {"value": tasks})
        add = functools.partial(client.create_task_collection, azure_id, group)
        try:
            answer = insist(add, doing)
        except HttpResponseError as error:
            if error.status_code == TOO_LARGE and len(tasks) > 1:
                half = len(tasks) // 2
                return [
                    part
                    for each in (tasks[:half], tasks[half:])
                    for part in _add_collection(client, azure_id, each)
                ]
            if code_of(error) in JOB_HAS_ENDED:
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
        f"{doing}: the service failed {repetition.TRIES} times on task {tasks[0]['id']}; try again"
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


def _terminate(client: BatchClient, azure_id: str, task_id: str) -> None:
    doing = f"task {task_id} of job {azure_id!r} cannot be ended"
    try:
        insist(lambda: client.terminate_task(azure_id, task_id), doing)
    except HttpResponseError as error:
        if code_of(error) not in _NOT_RUNNING:
            raise explain(error, doing) from error
