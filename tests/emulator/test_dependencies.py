"""Tasks that wait for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError

from azurebatch_emulator import Emulator
from tests.support.batch import (
    Gate,
    disable_job,
    make_job,
    make_pool,
    new_job,
    new_task,
    refusal,
    wait_for,
    wait_for_task,
)


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of one node with four slots."""
    return make_pool(client, task_slots_per_node=4)


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    """A job whose tasks may depend on each other."""
    return make_job(client, pool, uses_task_dependencies=True)


def after(*task_ids: str, ranges: tuple[tuple[int, int], ...] = ()) -> models.BatchTaskDependencies:
    return models.BatchTaskDependencies(
        task_ids=list(task_ids) or None,
        task_id_ranges=[models.BatchTaskIdRange(start=start, end=end) for start, end in ranges] or None,
    )


def waits(client: BatchClient, job: str, task_id: str) -> bool:
    """Whether a task still waits when one that was added later has run."""
    client.create_task(job, new_task(f"beside-{task_id}"))
    wait_for_task(client, job, f"beside-{task_id}")
    return client.get_task(job, task_id).state == "active"


@pytest.mark.operation("create_task", "get_task")
def test_task_runs_after_those_that_it_names(
    client: BatchClient, job: str, gate: Gate, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    client.create_task(job, new_task("one", gate.script(f"echo one >> {order}")))
    client.create_task(job, new_task("two", f"echo two >> {order}", depends_on=after("ONE")))
    client.create_task(job, new_task("three", f"echo three >> {order}", depends_on=after("one", "two")))
    assert waits(client, job, "two")
    gate.open()
    wait_for_task(client, job, "three")
    assert order.read_text().split() == ["one", "two", "three"]
    told = client.get_task(job, "three").as_dict()
    assert told["dependsOn"] == {"taskIds": ["one", "two"]}


@pytest.mark.operation("create_task_collection", "get_task")
def test_task_runs_after_those_in_its_ranges(client: BatchClient, job: str, gate: Gate) -> None:
    last = new_task("last", depends_on=after(ranges=((1, 3), (7, 7))))
    numbered = [new_task(str(number), gate.script()) for number in (1, 2, 3, 7)]
    client.create_task_collection(job, models.BatchTaskGroup(task_values=[last, *numbered]))
    client.create_task(job, new_task("02", "exit 1"))
    client.create_task(job, new_task("8", "exit 1"))
    assert client.get_task(job, "last").state == "active"
    gate.open()
    wait_for_task(client, job, "last")
    assert {client.get_task(job, str(number)).state for number in (1, 2, 3, 7)} == {"completed"}


@pytest.mark.operation("create_task")
def test_tasks_can_be_named_before_they_exist(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("second", depends_on=after("first")))
    assert waits(client, job, "second")
    client.create_task(job, new_task("first"))
    wait_for_task(client, job, "second")


@pytest.mark.operation("create_task")
def test_task_that_has_ended_keeps_nobody_waiting(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("first"))
    wait_for_task(client, job, "first")
    client.create_task(job, new_task("second", depends_on=after("first")))
    wait_for_task(client, job, "second")


@pytest.mark.operation("create_task", "reactivate_task")
def test_failed_task_blocks_those_that_depend_on_it(client: BatchClient, job: str, gate: Gate) -> None:
    client.create_task(job, new_task("fails", f"test -e {gate.path}"))
    client.create_task(job, new_task("blocked", depends_on=after("fails")))
    wait_for_task(client, job, "fails")
    assert waits(client, job, "blocked")
    gate.open()
    client.reactivate_task(job, "fails")
    wait_for_task(client, job, "blocked")


@pytest.mark.operation("terminate_task")
def test_terminated_task_blocks_those_that_depend_on_it(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("blocked", depends_on=after("ended")))
    client.create_task(job, new_task("ended", "sleep 1000"))
    client.terminate_task(job, "ended")
    wait_for_task(client, job, "ended")
    assert waits(client, job, "blocked")


@pytest.mark.operation("create_task")
@pytest.mark.parametrize(
    ("script", "conditions", "goes_on"),
    [
        ("exit 3", {"exitCodes": [{"code": 3, "exitOptions": {"dependencyAction": "satisfy"}}]}, True),
        ("exit 4", {"exitCodes": [{"code": 3, "exitOptions": {"dependencyAction": "satisfy"}}]}, False),
        (
            "exit 5",
            {"exitCodeRanges": [{"start": 5, "end": 9, "exitOptions": {"dependencyAction": "satisfy"}}]},
            True,
        ),
        ("exit 6", {"default": {"dependencyAction": "satisfy"}}, True),
        ("exit 0", {"default": {"dependencyAction": "block"}}, True),
        ("exit 0", {"exitCodes": [{"code": 0, "exitOptions": {"dependencyAction": "block"}}]}, False),
        ("exit 7", {"preProcessingError": {"dependencyAction": "satisfy"}}, False),
    ],
)
def test_exit_conditions_decide_what_dependents_do(
    client: BatchClient, job: str, script: str, conditions: dict[str, Any], goes_on: bool
) -> None:
    client.create_task(job, new_task("first", script, exit_conditions=models.ExitConditions(conditions)))
    client.create_task(job, new_task("second", depends_on=after("first")))
    wait_for_task(client, job, "first")
    if goes_on:
        wait_for_task(client, job, "second")
    else:
        assert waits(client, job, "second")


@pytest.mark.operation("create_task")
def test_task_that_could_not_start_satisfies_if_told_so(client: BatchClient, job: str) -> None:
    satisfy = models.ExitOptions(dependency_action=models.DependencyAction.SATISFY)
    conditions = models.ExitConditions(pre_processing_error=satisfy)
    client.create_task(
        job,
        models.BatchTaskCreateOptions(id="first", command_line="no-such-program", exit_conditions=conditions),
    )
    client.create_task(job, new_task("second", depends_on=after("first")))
    wait_for_task(client, job, "second")


@pytest.mark.operation("delete_task")
def test_deleted_task_does_not_run_when_it_could(client: BatchClient, job: str, tmp_path: Path) -> None:
    written = tmp_path / "written"
    client.create_task(job, new_task("second", f"touch {written}", depends_on=after("first")))
    client.delete_task(job, "second")
    client.create_task(job, new_task("first"))
    client.create_task(job, new_task("third", depends_on=after("first")))
    wait_for_task(client, job, "third")
    wait_for(lambda: client.get_job_task_counts(job).task_counts.completed == 2)
    assert not written.exists()


@pytest.mark.operation("create_task", "create_task_collection")
@pytest.mark.parametrize(
    ("depends_on", "code"),
    [
        ({"taskIds": ["x" * 64] * 1001}, "TaskDependencyListTooLong"),
        ({"taskIdRanges": [{"start": 1, "end": 2_000_000_000}]}, "TaskDependencyRangesTooLong"),
        ({"taskIdRanges": [{"start": 2, "end": 1}]}, "InvalidPropertyValue"),
        ({"taskIdRanges": [{"start": -1, "end": 1}]}, "InvalidPropertyValue"),
    ],
)
def test_dependencies_that_cannot_be_are_refused(
    client: BatchClient, job: str, depends_on: dict[str, Any], code: str
) -> None:
    task = new_task("task", depends_on=models.BatchTaskDependencies(depends_on))
    with pytest.raises(HttpResponseError) as refused:
        client.create_task(job, task)
    assert (refused.value.status_code, refusal(refused.value).code) == (400, code)
    results = client.create_task_collection(job, models.BatchTaskGroup(task_values=[task])).result_values
    assert [result.error and result.error.code for result in results or ()] == [code]


@pytest.mark.operation("create_task")
def test_job_has_to_provide_for_dependencies(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("independent", pool))
    with pytest.raises(HttpResponseError) as refused:
        client.create_task("independent", new_task("task", depends_on=after("other")))
    assert (refused.value.status_code, refusal(refused.value).code) == (
        400,
        "TaskDependenciesNotSpecifiedOnJob",
    )
    satisfy = models.ExitOptions(dependency_action=models.DependencyAction.SATISFY)
    with pytest.raises(HttpResponseError) as refused:
        client.create_task(
            "independent", new_task("task", exit_conditions=models.ExitConditions(default=satisfy))
        )
    assert refused.value.status_code == 400
    assert refusal(refused.value).values["PropertyName"] == "dependencyAction"


@pytest.mark.operation("create_task")
def test_dependencies_survive_the_death_of_the_service(
    client: BatchClient, emulator: Emulator, job: str
) -> None:
    client.create_task(job, new_task("done"))
    wait_for_task(client, job, "done")
    client.create_task(job, new_task("fails", "exit 1"))
    wait_for_task(client, job, "fails")
    disable_job(client, job)
    client.create_task(job, new_task("free", depends_on=after("done")))
    client.create_task(job, new_task("blocked", depends_on=after("done", "fails")))
    client.create_task(job, new_task("early", depends_on=after("late")))
    emulator.kill()
    emulator.restart()
    client.begin_enable_job(job)
    wait_for_task(client, job, "free")
    assert waits(client, job, "blocked")
    assert waits(client, job, "early")
    client.create_task(job, new_task("late"))
    wait_for_task(client, job, "early")
