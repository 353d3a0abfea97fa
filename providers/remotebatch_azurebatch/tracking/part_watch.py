"""One Azure Batch job of a submission, and how far the changes of its tasks have been seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from azure.batch import BatchClient

from remotebatch.provider import JobRecord, TaskRecord
from remotebatch.provider.task_ids import numbered_index
from remotebatch_azurebatch.batch import values
from remotebatch_azurebatch.batch.parts import Part, PlacedPart
from remotebatch_azurebatch.tracking import outcome

_OVERLAP = timedelta(seconds=10)
"""By how much a list begins before the last one: changes may become visible out of order."""
_SELECTED = ["id", "state", "stateTransitionTime", "executionInfo"]


class PartWatch:
    """What :class:`~remotebatch_azurebatch.tracking.submission_watch.SubmissionWatch` knows of one part."""

    def __init__(self, part: Part, record: JobRecord, pool_id: str) -> None:
        self.part = part
        self.azure_id = part.azure_id(record.id)
        self.pool_id = pool_id
        self.attempts = part.attempts()
        """Index → attempts in earlier parts, of the tasks that no later part has."""
        self.ended: Mapping[str, Any] | None = None
        """The Azure job, if it was seen to have ended."""
        self.examined = time.monotonic()
        """When it was last examined for what may hold it up."""
        self._record = record
        self._finished: set[int] = set()
        self._since: datetime | None = None  # what changed earlier has been seen
        self._seen: dict[int, str] = {}  # index → time of its last change, while a list may show it again

    @property
    def placed(self) -> PlacedPart:
        """The part with its pool."""
        return PlacedPart(self.part, self.pool_id)

    @property
    def is_done(self) -> bool:
        """Whether all of its tasks have ended."""
        return len(self._finished) >= len(self.attempts)

    def open_tasks(self) -> list[int]:
        """Those that have not ended."""
        return [index for index in self.attempts if index not in self._finished]

    def drop_tasks_of(self, later: Part) -> None:
        """Drop the tasks that a later part has."""
        for index in later.indices():
            self.attempts.pop(index, None)
            self._finished.discard(index)

    def note(self, record: TaskRecord) -> None:
        """Note whether a task of it has ended."""
        if record.status.final:
            self._finished.add(record.index)

    def changes(self, client: BatchClient) -> Iterator[TaskRecord]:
        """Ask for what has changed; a page for each thousand tasks that have."""
        wanted = "state ne 'active'"
        if self._since is not None:
            wanted += f" and stateTransitionTime ge datetime'{values.time_text(self._since)}'"
        dates: list[str] = []

        def note_date(response: Any) -> None:
            dates.append(response.http_response.headers.get("Date") or "")

        yield from self._read(client, wanted, raw_response_hook=note_date)
        if dates and dates[0]:
            # from when the list began, not from its newest entry: its first page may have been overtaken
            self._since = parsedate_to_datetime(dates[0]) - _OVERLAP
            known_from = values.time_text(self._since)
            self._seen = {index: at for index, at in self._seen.items() if at >= known_from}

    def all(self, client: BatchClient) -> Iterator[TaskRecord]:
        """Ask for all of its tasks that have begun, whenever they last changed."""
        self._seen = {}
        yield from self._read(client, "state ne 'active'")

    def requeued(self, client: BatchClient, since: float) -> Iterator[TaskRecord]:
        """Ask for tasks that wait, and began to wait at a time or later.

        :param since: that time, in seconds since the epoch.
        """
        moment = values.time_text(datetime.fromtimestamp(since, timezone.utc))
        yield from self._read(client, f"state eq 'active' and stateTransitionTime ge datetime'{moment}'")

    def _read(self, client: BatchClient, wanted: str, **options: Any) -> Iterator[TaskRecord]:
        tasks = client.list_tasks(
            self.azure_id, select=_SELECTED, filter=wanted, max_results=values.PAGE, **options
        )
        for task in tasks:
            index = self._index(task)
            changed = task["stateTransitionTime"]
            if index is not None and self._seen.get(index) != changed:
                yield outcome.task_record(self._record, index, self.attempts[index], task, self.part.expires)
                self._seen[index] = changed  # once it has been taken

    def _index(self, task: Mapping[str, Any]) -> int | None:
        """The index of a task; None for those of other parts, and for those that are not ours."""
        try:
            index = numbered_index(self._record, task["id"])
        except ValueError:
            return None
        return index if index in self.attempts else None
