"""Tasks that make room for those of jobs with a higher priority, where their own jobs allow it."""

from __future__ import annotations

import pytest
from azure.batch import BatchClient, models

from tests.support.batch import (
    make_job,
    make_pool,
    new_task,
    read_file,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.definite import execution_of, node_id_of

pytestmark = pytest.mark.operation("create_job", "get_task")


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of two nodes with two slots each, filled one after another."""
    policy = models.BatchTaskSchedulingPolicy(node_fill_type="pack")
    return make_pool(client, "pool", 2, task_slots_per_node=2, task_scheduling_policy=policy)


class Jobs:
    """Jobs on the pool, and their tasks."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client
        self._made: list[str] = []

    def job(self, priority: int, yielding: bool = False) -> str:
        job_id = make_job(self._client, priority=priority, allow_task_preemption=yielding)
        self._made.append(job_id)
        return job_id

    def fill(self, job_id: str, tasks: int = 4) -> None:
        """Have so many tasks of a job run, in the order of their ids."""
        for number in range(tasks):
            self.start(job_id, f"t{number}")

    def start(self, job_id: str, task_id: str, slots: int = 1) -> models.BatchTask:
        self._client.create_task(
            job_id, new_task(task_id, "echo $$ >> runs; sleep 600", required_slots=slots)
        )
        return wait_for_task(self._client, job_id, task_id, "running")

    def requeued(self, job_id: str) -> set[str]:
        """The tasks that have had to make room."""
        return {str(task.id) for task in self._client.list_tasks(job_id) if execution_of(task).requeue_count}

    def delete(self) -> None:
        for job_id in self._made:
            self._client.begin_delete_job(job_id)
        wait_for_nodes(self._client, "pool", 2)


@pytest.fixture
def jobs(client: BatchClient, pool: str):  # type: ignore[no-untyped-def]
    jobs = Jobs(client)
    yield jobs
    jobs.delete()


def test_the_youngest_task_of_the_least_important_job_makes_room(client: BatchClient, jobs: Jobs) -> None:
    least, less = jobs.job(-10, yielding=True), jobs.job(-5, yielding=True)
    jobs.fill(less, 2)
    jobs.fill(least, 2)
    urgent = jobs.job(0)
    jobs.start(urgent, "t")
    assert (jobs.requeued(least), jobs.requeued(less)) == ({"t1"}, set())
    again = client.get_task(least, "t1")
    assert (again.state, again.previous_state, again.node_info) == ("active", "running", None)
    execution = execution_of(again)
    assert (execution.requeue_count, execution.retry_count) == (1, 0)
    assert execution.last_requeue_time is not None
    assert execution.start_time is None
    client.terminate_task(urgent, "t")
    wait_for_task(client, least, "t1", "running")
    runs = wait_for(lambda: read_file(client, least, "t1", "wd/runs"))
    assert runs.count("\n") == 1  # it starts in an empty directory


def test_no_more_tasks_make_room_than_are_needed(client: BatchClient, jobs: Jobs) -> None:
    low = jobs.job(-1, yielding=True)
    jobs.fill(low)
    where = {task.id: node_id_of(task) for task in client.list_tasks(low)}
    wide = jobs.start(jobs.job(1), "t", slots=2)
    requeued = jobs.requeued(low)
    assert requeued == {name for name, node in where.items() if node == node_id_of(wide)}
    assert len(requeued) == 2


@pytest.mark.parametrize(("priority", "yielding"), [(-1, False), (0, True), (5, True)])
def test_tasks_stay_where_their_job_does_not_allow_it_or_matters_as_much(
    client: BatchClient, jobs: Jobs, priority: int, yielding: bool
) -> None:
    running = jobs.job(priority, yielding)
    jobs.fill(running)
    waiting = jobs.job(0)
    client.create_task(waiting, new_task("t"))
    client.terminate_task(running, "t3")  # those that wait are looked at again
    wait_for_task(client, waiting, "t")
    assert jobs.requeued(running) == set()


def test_a_job_that_is_made_more_important_gets_its_room(client: BatchClient, jobs: Jobs) -> None:
    low = jobs.job(0, yielding=True)
    jobs.fill(low)
    other = jobs.job(0)
    client.create_task(other, new_task("t", "sleep 600"))
    assert client.get_task(other, "t").state == "active"
    client.update_job(other, models.BatchJobUpdateOptions(priority=100))
    wait_for_task(client, other, "t", "running")
    assert jobs.requeued(low) == {"t3"}
    wait_for(lambda: client.get_job_task_counts(low).task_counts.running == 3)
