"""The known state of a job: what is taken in, what counts, and which events come of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from remotebatch.provider import Changes, JobRecord, TaskRecord, TaskRole
from remotebatch.status import JobStatus, JobType
from remotebatch.tracking.client import Client
from remotebatch.tracking.events import TaskEvent
from remotebatch.tracking.tracker import Tracker
from remotebatch_local import LocalProvider, LocalSettings

RUNNING, SUCCEEDED, FAILED = JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(LocalProvider(root=str(tmp_path)))


@pytest.fixture
def tracker(client: Client) -> Tracker:
    return client.tracker(record(2))


def record(elements: int, job_id: str = "an id") -> JobRecord:
    return JobRecord(
        id=job_id,
        provider_job_id=job_id,
        name="array",
        type=JobType.ARRAY,
        submitted_at=0.0,
        submitted_by="ada@lab",
        settings=LocalSettings(),
        element_count=elements,
    )


def test_a_job_has_finished_when_all_of_its_children_have(tracker: Tracker) -> None:
    tracker.apply(Changes("1", [TaskRecord(0, SUCCEEDED)]))
    assert not tracker.finished
    tracker.apply(Changes("2", [TaskRecord(1, FAILED)]))
    assert tracker.finished
    assert (tracker.counts().succeeded, tracker.counts().failed) == (1, 1)


def test_a_job_that_is_not_closed_goes_on_and_may_grow(tracker: Tracker) -> None:
    ended = [TaskRecord(0, SUCCEEDED), TaskRecord(1, SUCCEEDED)]
    tracker.apply(Changes("1", ended, closed=False))
    assert not tracker.finished
    tracker.apply(Changes("2", [TaskRecord(2, RUNNING)], task_count=4, closed=False))
    assert tracker.task_count == 4
    assert [task.status for task in tracker.tasks()] == [SUCCEEDED, SUCCEEDED, RUNNING, JobStatus.ACTIVE]
    tracker.apply(Changes("3", [TaskRecord(2, SUCCEEDED), TaskRecord(3, FAILED)], task_count=4))
    assert tracker.finished
    assert tracker.completed == [0, 1, 2, 3]


def test_tasks_of_other_roles_are_kept_apart(tracker: Tracker) -> None:
    combining = TaskRecord(0, RUNNING, role=TaskRole.COMBINE)
    tracker.apply(Changes("1", [TaskRecord(0, SUCCEEDED), TaskRecord(1, SUCCEEDED), combining]))
    assert tracker.finished
    assert tracker.counts().total == len(tracker.tasks()) == 2
    assert tracker.tasks_of(TaskRole.COMBINE) == [combining]
    assert tracker.tasks_of(TaskRole.ENGINE) == []


def test_events_say_what_changed_and_when(tracker: Tracker) -> None:
    seen: list[Sequence[TaskEvent]] = []
    running = TaskRecord(0, RUNNING, started_at=5.0)
    with tracker.listening(seen.append):
        tracker.apply(Changes("1", [running]))
        tracker.apply(Changes("2", [running, TaskRecord(0, FAILED, started_at=5.0, ended_at=7.0)]))
        tracker.apply(Changes("3", [running]))  # an answer that was overtaken
        tracker.reopen([tracker.task(0)])
    moments = [[(event.previous.status, event.task.status, event.at) for event in events] for events in seen]
    active = JobStatus.ACTIVE
    assert moments[:3] == [[(active, RUNNING, 5.0)], [(RUNNING, FAILED, 7.0)], []]
    [again] = seen[3]
    assert (again.task.status, again.task.attempts, again.job_id) == (active, 2, "an id")
    assert again.at == again.seen_at > 7.0


def test_all_job_objects_of_a_job_share_a_tracker_and_the_provider_forgets_unused_ones(
    tmp_path: Path,
) -> None:
    forgotten: list[set[str]] = []

    class Forgetful(LocalProvider):
        def forget(self, job_ids: object) -> None:
            assert isinstance(job_ids, set)
            forgotten.append(job_ids)

    client = Client(Forgetful(root=str(tmp_path)))
    first = client.tracker(record(1, "first"))
    assert client.tracker(record(1, "first")) is first
    client.tracker(record(1, "second"))  # used by nobody
    client.tracker(record(1, "third"))
    assert forgotten == [{"second"}]
