"""What the end of a task does to its job."""

from __future__ import annotations

from typing import Any

import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError

from azurebatch_emulator import Emulator
from tests.support.batch import (
    QUICKLY,
    Gate,
    make_job,
    make_pool,
    new_job,
    new_task,
    refusal,
    wait_for_job,
    wait_for_task,
)

ACTS = models.BatchTaskFailureMode.PERFORM_EXIT_OPTIONS_JOB_ACTION


@pytest.fixture(scope="module")
def pool(client: BatchClient) -> str:
    """A pool of one node with two slots."""
    return make_pool(client, task_slots_per_node=2)


@pytest.fixture
def job(client: BatchClient, pool: str) -> str:
    """A job that acts on how its tasks end."""
    return make_job(client, pool, task_failure_mode=ACTS)


def code(number: int, action: str) -> dict[str, Any]:
    return {"exitCodes": [{"code": number, "exitOptions": {"jobAction": action}}]}


@pytest.mark.operation("create_job", "create_task")
@pytest.mark.parametrize(
    ("script", "conditions"),
    [
        pytest.param("exit 1", None, id="by-default"),
        pytest.param("exit 1", {}, id="empty"),
        pytest.param("exit 2", code(1, "none"), id="another-code"),
        pytest.param("exit 2", code(2, "terminate"), id="code"),
        pytest.param("exit 0", code(0, "terminate"), id="even-success"),
        pytest.param("exit 2", {"default": {"jobAction": "terminate"}}, id="default"),
        pytest.param("exit 2", {"preProcessingError": {"jobAction": "none"}}, id="not-pre-processing"),
        pytest.param("exit 2", {"fileUploadError": {"jobAction": "none"}}, id="not-file-upload"),
        pytest.param(
            "exit 6",
            {"exitCodeRanges": [{"start": 5, "end": 9, "exitOptions": {"jobAction": "terminate"}}]}
            | {"default": {"jobAction": "none"}},
            id="range-before-default",
        ),
    ],
)
def test_job_is_terminated(
    client: BatchClient, job: str, script: str, conditions: dict[str, Any] | None
) -> None:
    told = None if conditions is None else models.ExitConditions(conditions)
    client.create_task(job, new_task("task", script, exit_conditions=told))
    ended = wait_for_job(client, job)
    assert ended.execution_info is not None
    assert ended.execution_info.termination_reason == "TaskFailed"


@pytest.mark.operation("create_job", "create_task")
@pytest.mark.parametrize(
    ("script", "conditions"),
    [
        pytest.param("exit 0", None, id="by-default"),
        pytest.param("exit 0", {"default": {"jobAction": "terminate"}}, id="default-is-for-failures"),
        pytest.param("exit 2", code(2, "none"), id="code"),
        pytest.param("exit 3", code(2, "terminate") | {"default": {"jobAction": "none"}}, id="default"),
        pytest.param(
            "exit 2",
            code(2, "none")
            | {"exitCodeRanges": [{"start": 1, "end": 3, "exitOptions": {"jobAction": "terminate"}}]},
            id="code-before-range",
        ),
    ],
)
def test_job_goes_on(client: BatchClient, job: str, script: str, conditions: dict[str, Any] | None) -> None:
    told = None if conditions is None else models.ExitConditions(conditions)
    client.create_task(job, new_task("task", script, exit_conditions=told))
    wait_for_task(client, job, "task")
    client.create_task(job, new_task("next"))
    wait_for_task(client, job, "next")
    assert client.get_job(job).state == "active"


@pytest.mark.operation("create_task", "enable_job")
def test_job_is_disabled_and_its_tasks_requeued(client: BatchClient, job: str, gate: Gate) -> None:
    client.create_task(job, new_task("runs", gate.script()))
    wait_for_task(client, job, "runs", "running")
    conditions = models.ExitConditions(code(3, "disable"))
    client.create_task(job, new_task("stops", "exit 3", exit_conditions=conditions))
    wait_for_job(client, job, "disabled")
    task = client.get_task(job, "runs")
    assert task.execution_info is not None
    assert (task.state, task.execution_info.requeue_count) == ("active", 1)
    gate.open()
    client.begin_enable_job(job, **QUICKLY)
    wait_for_task(client, job, "runs")
    assert client.get_job(job).state == "active"


@pytest.mark.operation("create_task")
def test_last_try_alone_decides(client: BatchClient, job: str) -> None:
    retries = models.BatchTaskConstraints(max_task_retry_count=1)
    script = "test -e again || { touch again; exit 1; }"
    client.create_task(job, new_task("task", script, constraints=retries))
    task = wait_for_task(client, job, "task")
    assert task.execution_info is not None
    assert (task.execution_info.result, task.execution_info.retry_count) == ("success", 1)
    assert client.get_job(job).state == "active"


@pytest.mark.operation("create_task")
@pytest.mark.parametrize("condition", ["preProcessingError", "default"])
def test_task_that_cannot_start_has_a_condition_of_its_own(
    client: BatchClient, job: str, condition: str
) -> None:
    conditions = models.ExitConditions({condition: {"jobAction": "none"}})
    task = models.BatchTaskCreateOptions(id="task", command_line="no-such-program")
    task.exit_conditions = conditions
    client.create_task(job, task)
    ended = wait_for_task(client, job, "task")
    assert ended.execution_info is not None
    assert ended.execution_info.failure_info is not None
    assert ended.execution_info.failure_info.code == "CommandProgramNotFound"
    assert client.get_job(job).state == "active"


@pytest.mark.operation("create_task")
@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        pytest.param({"fileUploadError": {"jobAction": "none"}}, "active", id="condition"),
        pytest.param({"default": {"jobAction": "none"}}, "active", id="default"),
        pytest.param(
            code(0, "none") | {"fileUploadError": {"jobAction": "terminate"}}, "active", id="code-first"
        ),
        pytest.param({"preProcessingError": {"jobAction": "none"}}, "completed", id="another"),
    ],
)
def test_failed_upload_has_a_condition_of_its_own(
    client: BatchClient, emulator: Emulator, job: str, conditions: dict[str, Any], state: str
) -> None:
    parts = emulator.storage_connection_string.split(";")
    endpoint = next(part.partition("=")[2] for part in parts if part.startswith("BlobEndpoint="))
    lost = models.OutputFileBlobContainerDestination(container_url=f"{endpoint}/no-such-container?sig=x")
    output = models.OutputFile(
        file_pattern="*.txt",
        destination=models.OutputFileDestination(container=lost),
        upload_options=models.OutputFileUploadConfiguration(upload_condition="taskcompletion"),
    )
    task = new_task("task", "touch a.txt", output_files=[output])
    task.exit_conditions = models.ExitConditions(conditions)
    client.create_task(job, task)
    ended = wait_for_task(client, job, "task")
    assert ended.execution_info is not None
    assert ended.execution_info.failure_info is not None
    assert str(ended.execution_info.failure_info.code).startswith("FileUpload")
    assert wait_for_job(client, job, state).state == state


@pytest.mark.operation("create_task", "get_task")
def test_exit_conditions_are_repeated_as_given(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("repeats", pool, task_failure_mode=ACTS, uses_task_dependencies=True))
    options = {"jobAction": "none", "dependencyAction": "block"}
    conditions = {
        "exitCodes": [{"code": 1, "exitOptions": options}],
        "exitCodeRanges": [{"start": 2, "end": 9, "exitOptions": options}],
        "preProcessingError": options,
        "fileUploadError": options,
        "default": options,
    }
    client.create_task("repeats", new_task("task", exit_conditions=models.ExitConditions(conditions)))
    assert client.get_task("repeats", "task").as_dict()["exitConditions"] == conditions


@pytest.mark.operation("create_task", "create_task_collection")
def test_job_action_is_refused_where_the_job_takes_none(client: BatchClient, pool: str) -> None:
    client.create_job(new_job("indifferent", pool))
    task = new_task("task", exit_conditions=models.ExitConditions(code(1, "none")))
    with pytest.raises(HttpResponseError) as refused:
        client.create_task("indifferent", task)
    assert (refused.value.status_code, refusal(refused.value).code) == (400, "InvalidPropertyValue")
    assert refusal(refused.value).values["PropertyName"] == "jobAction"
    client.create_task("indifferent", new_task("fails", "exit 1"))
    wait_for_task(client, "indifferent", "fails")
    client.create_task("indifferent", new_task("next"))
    wait_for_task(client, "indifferent", "next")
    assert client.get_job("indifferent").state == "active"
