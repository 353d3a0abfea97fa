"""Local providers with a peculiarity, for what the library does about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from remotebatch import SubmissionEnvironment
from remotebatch.provider import Changes, JobRecord, TaskRecord, Wake
from remotebatch.tracking.client import Client
from remotebatch_local import LocalProvider


def environment_of(provider: LocalProvider) -> SubmissionEnvironment:
    """An environment at just this provider."""
    environment = SubmissionEnvironment("Local", root=provider.properties["root"])
    environment._client = Client(provider)
    return environment


class Reticent(LocalProvider):
    """Its polls do not tell why a task failed; ``explain`` does, and is recorded."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.asked: list[list[int]] = []
        """Indices of the tasks of each call of ``explain``."""
        self.meanwhile: Callable[[], object] = lambda: None
        """Called while ``explain`` is under way."""

    def poll(
        self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
    ) -> dict[str, Changes]:
        told = super().poll(cursors, timeout, wake)
        return {job: replace(news, tasks=[untold(task) for task in news.tasks]) for job, news in told.items()}

    def explain(self, job: JobRecord, tasks: Sequence[TaskRecord]) -> list[TaskRecord]:
        self.asked.append([task.index for task in tasks])
        known = {task.index: task for task in LocalProvider.poll(self, {job.id: ""})[job.id].tasks}
        self.meanwhile()
        return [known[task.index] for task in tasks]


def untold(task: TaskRecord) -> TaskRecord:
    """The record without why the task failed, where it has."""
    if task.failure_type is None:
        return task
    return replace(task, failure_type=None, exit_code=None, reason=None)


class Careless(LocalProvider):
    """Cuts the first reads of each result short; what is read is recorded."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.cuts = 0
        """How many reads of each result are cut."""
        self.read: list[int] = []
        """Indices of the tasks whose results were read, one by one."""
        self.reading = 0
        """How many bulk reads are under way."""

    def read_result(self, job: JobRecord, index: int) -> bytes:
        self.read.append(index)
        data = super().read_result(job, index)
        return data[:-1] if self.read.count(index) <= self.cuts else data

    def read_results(self, job: JobRecord, indices: Iterable[int]) -> Iterator[tuple[int, bytes | OSError]]:
        self.reading += 1
        try:
            yield from super().read_results(job, indices)
        finally:
            self.reading -= 1

    def save_result(self, job: JobRecord, index: int, to: Path) -> None:
        to.write_bytes(self.read_result(job, index))
