"""One Azure Batch job of a submission, and how far its tasks have been heard of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from azure.batch import BatchClient

from remotebatch.provider import JobRecord, TaskRecord
from remotebatch.provider.task_ids import numbered_index
from remotebatch_azurebatch.batch.parts import Part
from remotebatch_azurebatch.tracking import outcome

_PAGE = 1000
_OVERLAP = timedelta(seconds=10)
"""How much earlier than the last list began is asked again: changes may come to light out of order."""
_SELECTED = ["id", "state", "stateTransitionTime", "executionInfo"]


class PartWatch:
    """What :class:`~remotebatch_azurebatch.tracking.watch.Watch` knows of one part."""

    def __init__(self, part: Part, record: JobRecord, pool_id: str) -> None:
        self.part = part
        self.azure_id = part.azure_id(record.id)
        self.pool_id = pool_id
        self.attempts = part.attempts()
        """Index → attempts in earlier parts, of the tasks that no later part has."""
        self.ended: Mapping[str, Any] | None = None
        """The Azure job, if it was seen to have ended."""
        self.examined = time.monotonic()
        """When it was last looked for what may hold it up."""
        self._record = record
        self._finished: set[int] = set()
        self._since: datetime | None = None  # what changed earlier has been heard
        self._heard: dict[int, str] = {}  # index → time of the last change, as far as it may be told again

    @property
    def is_done(self) -> bool:
        """Whether all of its tasks have ended."""
        return len(self._finished) >= len(self.attempts)

    def open_tasks(self) -> list[int]:
        """Those that have not ended."""
        return [index for index in self.attempts if index not in self._finished]

    def lose(self, later: Part) -> None:
        """Leave to a later part what that has."""
        for index in later.indices():
            self.attempts.pop(index, None)
            self._finished.discard(index)

    def note(self, record: TaskRecord) -> None:
        """What has been heard of a task is kept."""
        if record.status.final:
            self._finished.add(record.index)

    def changes(self, client: BatchClient) -> Iterator[TaskRecord]:
        """Ask for what has changed; a page for each thousand tasks that have."""
        wanted = "state ne 'active'"
        if self._since is not None:
            wanted += f" and stateTransitionTime ge datetime'{_moment(self._since)}'"
        dates: list[str] = []

        def note_date(response: Any) -> None:
            dates.append(response.http_response.headers.get("Date") or "")

        yield from self._read(client, wanted, raw_response_hook=note_date)
        if dates and dates[0]:
            # from when the list began, not from its newest entry: its first page may have been overtaken
            self._since = parsedate_to_datetime(dates[0]) - _OVERLAP
            known_from = _moment(self._since)
            self._heard = {index: at for index, at in self._heard.items() if at >= known_from}

    def all(self, client: BatchClient) -> Iterator[TaskRecord]:
        """Ask for all of its tasks that have begun, whenever they last changed."""
        self._heard = {}
        yield from self._read(client, "state ne 'active'")

    def put_back(self, client: BatchClient, since: float) -> Iterator[TaskRecord]:
        """Ask for tasks that wait, and have waited since a moment at the earliest."""
        moment = _moment(datetime.fromtimestamp(since, timezone.utc))
        yield from self._read(client, f"state eq 'active' and stateTransitionTime ge datetime'{moment}'")

    def _read(self, client: BatchClient, wanted: str, **options: Any) -> Iterator[TaskRecord]:
        tasks = client.list_tasks(
            self.azure_id, select=_SELECTED, filter=wanted, max_results=_PAGE, **options
        )
        for task in tasks:
            index = self._index(task)
            changed = task["stateTransitionTime"]
            if index is not None and self._heard.get(index) != changed:
                yield outcome.task_record(self._record, index, self.attempts[index], task, self.part.expires)
                self._heard[index] = changed  # once it has been taken

    def _index(self, task: Mapping[str, Any]) -> int | None:
        """The index of a task; None for those of other parts, and for those that somebody else has added."""
        try:
            index = numbered_index(self._record, task["id"])
        except ValueError:
            return None
        return index if index in self.attempts else None


def _moment(when: datetime) -> str:
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
