"""How tasks run and end: exit codes, retries, limits, files that come and go, what failures are called."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import psutil
import pytest
from azure.batch import BatchClient, models
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import ContainerClient

from azurebatch_emulator import Emulator
from tests.support.batch import (
    make_job,
    new_pool,
    new_task,
    read_file,
    run_task,
    wait_for,
    wait_for_nodes,
    wait_for_task,
)
from tests.support.blobs import container_url, output, stored
from tests.support.definite import definite, execution_of, failure_of

OPERATIONS = ("create_task", "get_task", "list_tasks")
pytestmark = pytest.mark.operation(*OPERATIONS)


@pytest.fixture(scope="module")
def node(client: BatchClient) -> models.BatchNode:
    """The node that the tests share."""
    client.create_pool(new_pool("pool", task_slots_per_node=4))
    return wait_for_nodes(client, "pool")[0]


@pytest.fixture
def job(client: BatchClient, node: models.BatchNode) -> str:
    return make_job(
        client,
        common_environment_settings=[
            models.EnvironmentSetting(name="COMMON", value="of the job"),
            models.EnvironmentSetting(name="BOTH", value="of the job"),
        ],
    )


def limits(**limits: Any) -> models.BatchTaskConstraints:
    return models.BatchTaskConstraints(**limits)


def failure(task: models.BatchTask) -> tuple[str, str, str]:
    """Category, code and message of a task's failure."""
    execution = execution_of(task)
    assert execution.result == "failure"
    info = definite(execution.failure_info)
    return str(info.category), str(info.code), str(info.message)


def details(task: models.BatchTask) -> dict[str, str]:
    return {str(one.name): str(one.value) for one in failure_of(task).details or ()}


def test_exit_codes_and_signals_are_told(client: BatchClient, job: str) -> None:
    for name, script, code in (
        ("none", "exit 0", 0),
        ("three", "exit 3", 3),
        ("most", "exit 255", 255),
        ("terminated", "kill -TERM $$", 143),
        ("killed", "kill -KILL $$", 137),
    ):
        task = run_task(client, job, new_task(name, script))
        assert execution_of(task).exit_code == code
        if code == 0:
            assert execution_of(task).result == "success"
            assert execution_of(task).failure_info is None
        else:
            assert failure(task) == (
                "UserError",
                "FailureExitCode",
                "The task exited with an exit code representing a failure",
            )
            assert details(task) == {
                "Message": "The task process exited with an unexpected exit code",
                "AdditionalErrorCode": "FailureExitCode",
            }


@pytest.mark.partial("create_task", "tasks run as the user of the service, whatever their userIdentity")
@pytest.mark.partial(
    "create_task_collection", "tasks run as the user of the service, whatever their userIdentity"
)
def test_tasks_run_as_the_user_of_the_service(client: BatchClient, job: str) -> None:
    somebody = models.UserIdentity(username="somebody")
    run_task(client, job, new_task("t", "id -u", user_identity=somebody))
    assert read_file(client, job, "t").strip() == str(os.getuid())


def test_a_command_line_is_not_given_to_a_shell(client: BatchClient, job: str) -> None:
    command = 'printf "%s|" $HOME * "a b" \'c d\' e\\ f ; true'
    run_task(client, job, models.BatchTaskCreateOptions(id="t", command_line=command))
    assert read_file(client, job, "t") == "$HOME|*|a b|c d|e f|;|true|"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("no-such-program --help", "CommandProgramNotFound"),
        ("./no-such-file", "CommandProgramNotFound"),
        ("/etc/passwd", "CommandLaunchFailed"),
        ("echo 'unfinished", "CommandLaunchFailed"),
    ],
)
def test_a_command_that_cannot_start_has_no_exit_code(
    client: BatchClient, job: str, command: str, code: str
) -> None:
    retries = limits(max_task_retry_count=3)
    task = run_task(
        client, job, models.BatchTaskCreateOptions(id="t", command_line=command, constraints=retries)
    )
    message = {
        "CommandProgramNotFound": "The specified command program is not found",
        "CommandLaunchFailed": "Failed to launch the specified command line",
    }[code]
    assert failure(task) == ("UserError", code, message)
    assert details(task)["Message"]
    execution = execution_of(task)
    assert execution.exit_code is None
    assert definite(execution.start_time) <= definite(execution.end_time)
    assert execution.retry_count == 0
    assert task.previous_state == "running"


def test_a_task_is_retried_as_often_as_it_may(client: BatchClient, job: str) -> None:
    script = "echo x >> tries; wc -l < tries; exit 1"
    task = run_task(client, job, new_task("t", script, constraints=limits(max_task_retry_count=2)))
    assert read_file(client, job, "t").strip() == "3"
    execution = execution_of(task)
    assert (execution.exit_code, execution.retry_count, execution.requeue_count) == (1, 2, 0)
    assert execution.last_retry_time == execution.start_time


def test_a_task_without_limit_is_retried_until_it_succeeds(client: BatchClient, job: str) -> None:
    script = "echo x >> tries; test $(wc -l < tries) = 6"
    task = run_task(client, job, new_task("t", script, constraints=limits(max_task_retry_count=-1)))
    assert (execution_of(task).result, execution_of(task).retry_count) == ("success", 5)


def test_a_task_that_is_tried_again_shows_no_end(client: BatchClient, job: str) -> None:
    script = "[ -e again ] && exec sleep 600; touch again; exit 7"
    client.create_task(job, new_task("t", script, constraints=limits(max_task_retry_count=1)))
    task = wait_for(lambda: client.get_task(job, "t"), lambda task: execution_of(task).retry_count == 1)
    assert task.state == "running"
    assert {"exitCode", "endTime", "failureInfo", "result"}.isdisjoint(execution_of(task).as_dict())
    client.terminate_task(job, "t")


def test_a_task_that_runs_too_long_is_killed(client: BatchClient, job: str) -> None:
    script = "echo $$; sleep 600 & sleep 600"
    limit = limits(max_wall_clock_time=timedelta(seconds=0.3), max_task_retry_count=3)
    task = run_task(client, job, new_task("t", script, constraints=limit))
    assert failure(task) == ("UserError", "TaskEnded", "Task Was Ended by User Request")
    assert details(task)["Message"] == "The maximum execution time configured on the task was exceeded"
    assert execution_of(task).retry_count == 0
    assert execution_of(task).exit_code not in (None, 0)
    assert not psutil.pid_exists(int(read_file(client, job, "t")))


@pytest.mark.operation("replace_task")
def test_a_limit_that_is_set_while_the_task_runs_counts_from_its_start(client: BatchClient, job: str) -> None:
    client.create_task(job, new_task("t", "sleep 600"))
    task = wait_for_task(client, job, "t", "running")
    task.constraints = limits(max_wall_clock_time=timedelta(seconds=0.1))
    client.replace_task(job, "t", task)
    ended = wait_for_task(client, job, "t")
    assert details(ended)["Message"] == "The maximum execution time configured on the task was exceeded"


@pytest.mark.operation("list_task_files")
def test_the_files_of_a_task_go_after_its_retention_time(client: BatchClient, job: str) -> None:
    run_task(client, job, new_task("kept", "true"))
    run_task(client, job, new_task("t", "true", constraints=limits(retention_time=timedelta(seconds=0.5))))

    def refusal() -> str:
        try:
            list(client.list_task_files(job, "t"))
        except HttpResponseError as error:
            return str(definite(error.error).code)
        return ""

    assert wait_for(refusal) == "TaskFilesCleanedup"
    assert list(client.list_task_files(job, "kept"))


def test_a_task_is_told_where_it_is(
    emulator: Emulator, client: BatchClient, node: models.BatchNode, job: str
) -> None:
    run_task(client, job, models.BatchTaskCreateOptions(id="t", command_line="env"))
    told = dict(line.split("=", 1) for line in read_file(client, job, "t").splitlines())
    root = os.path.join(emulator.data, "nodes", "pool", node.id)
    directory = os.path.join(root, "workitems", job, "job-1", "t")
    assert {name: value for name, value in told.items() if name.startswith("AZ_BATCH_")} == {
        "AZ_BATCH_ACCOUNT_NAME": emulator.account,
        "AZ_BATCH_ACCOUNT_URL": emulator.endpoint + "/",
        "AZ_BATCH_JOB_ID": job,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true",
        "AZ_BATCH_NODE_MOUNTS_DIR": os.path.join(root, "fsmounts"),
        "AZ_BATCH_NODE_ROOT_DIR": root,
        "AZ_BATCH_NODE_SHARED_DIR": os.path.join(root, "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": os.path.join(root, "startup"),
        "AZ_BATCH_POOL_ID": "pool",
        "AZ_BATCH_TASK_DIR": directory,
        "AZ_BATCH_TASK_ID": "t",
        "AZ_BATCH_TASK_WORKING_DIR": os.path.join(directory, "wd"),
    }
    assert told["HOME"] == told["AZ_BATCH_TASK_WORKING_DIR"]


def test_a_tasks_own_variables_come_before_those_of_its_job(client: BatchClient, job: str) -> None:
    settings = [
        models.EnvironmentSetting(name="BOTH", value="of the task"),
        models.EnvironmentSetting(name="EMPTY"),
        models.EnvironmentSetting(name="ODD", value="a \"b\" $c 'd'"),
    ]
    script = 'echo "$COMMON|$BOTH|${EMPTY-unset}|$ODD"'
    run_task(client, job, new_task("t", script, environment_settings=settings))
    assert read_file(client, job, "t") == "of the job|of the task||a \"b\" $c 'd'\n"


def test_resource_files_are_there_before_the_command_starts(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    for name in ("in/a.txt", "in/deep/b.txt", "other"):
        container.upload_blob(name, f"content of {name}")
    url = container_url(container)
    blob, query = url.split("?")
    files = [
        models.ResourceFile(http_url=f"{blob}/other?{query}", file_path="bin/renamed", file_mode="0700"),
        models.ResourceFile(storage_container_url=url, blob_prefix="in/", file_path="all"),
        models.ResourceFile(
            auto_storage_container_name=container.container_name, blob_prefix="in/deep", file_path="own"
        ),
    ]
    script = "cat all/in/a.txt own/in/deep/b.txt all/in/deep/b.txt; stat -c %a bin/renamed"
    run_task(client, job, new_task("t", script, resource_files=files))
    assert read_file(client, job, "t") == (
        "content of in/a.txtcontent of in/deep/b.txtcontent of in/deep/b.txt700\n"
    )


def test_a_resource_file_that_cannot_be_had_keeps_the_command_from_starting(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    blob, query = container_url(container).split("?")
    denied = container_url(container, permission="w")
    for name, file, code in (
        ("missing", models.ResourceFile(http_url=f"{blob}/no?{query}", file_path="f"), "BlobNotFound"),
        ("unsigned", models.ResourceFile(http_url=f"{blob}/no", file_path="f"), "BlobAccessDenied"),
        (
            "denied",
            models.ResourceFile(storage_container_url=denied, file_path="f"),
            "ResourceContainerAccessDenied",
        ),
        (
            "nowhere",
            models.ResourceFile(storage_container_url=container_url(container, suffix="x")),
            "ResourceContainerNotFound",
        ),
    ):
        retries = limits(max_task_retry_count=1)
        task = run_task(client, job, new_task(name, "true", resource_files=[file], constraints=retries))
        assert failure(task)[:2] == ("UserError", code)
        assert execution_of(task).exit_code is None
        assert execution_of(task).retry_count == 0
        assert query not in str(details(task))


def test_output_files_are_uploaded_by_how_the_command_ended(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    url = container_url(container)
    for name, code in (("good", 0), ("bad", 1)):
        files = [
            output("../std*.txt", url, f"{name}/always"),
            output("out/**/*", url, f"{name}/success", "tasksuccess"),
            output("$AZ_BATCH_TASK_WORKING_DIR/out/deep/b", url, f"{name}/failure", "taskfailure"),
        ]
        script = f"echo {name}; mkdir -p out/deep; echo a > out/a; echo b > out/deep/b; exit {code}"
        task = run_task(client, job, new_task(name, script, output_files=files))
        assert execution_of(task).exit_code == code
    assert stored(container) == {
        "good/always/stdout.txt": b"good\n",
        "good/always/stderr.txt": b"",
        "good/success/a": b"a\n",
        "good/success/deep/b": b"b\n",
        "bad/always/stdout.txt": b"bad\n",
        "bad/always/stderr.txt": b"",
        "bad/failure": b"b\n",
    }


def test_outputs_are_stored_before_a_task_is_completed(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    script = "head -c 20000000 /dev/zero > big"
    client.create_task(job, new_task("t", script, output_files=[output("big", container_url(container))]))
    wait_for_task(client, job, "t")
    assert container.get_blob_client("big").get_blob_properties().size == 20_000_000


@pytest.mark.parametrize(
    ("permission", "suffix", "code", "message"),
    [
        (
            "w",
            "gone",
            "FileUploadContainerNotFound",
            "One of the specified Azure container(s) was not found while attempting to upload an output file",
        ),
        (
            "r",
            "",
            "FileUploadAccessDenied",
            "Access to one of the specified file upload destinations was denied",
        ),
    ],
)
def test_a_task_whose_output_cannot_be_stored_fails_though_its_command_did_well(
    client: BatchClient,
    job: str,
    container: ContainerClient,
    permission: str,
    suffix: str,
    code: str,
    message: str,
) -> None:
    url = container_url(container, permission, suffix)
    files = [output("../stdout.txt", url), output("out", container_url(container, "w"))]
    retries = limits(max_task_retry_count=1)
    script = "echo kept; echo out > out"
    task = run_task(client, job, new_task("t", script, output_files=files, constraints=retries))
    assert failure(task) == ("UserError", code, message)
    assert "sig=" not in str(details(task)) or "sig=REDACTED" in str(details(task))
    assert (execution_of(task).exit_code, execution_of(task).retry_count) == (0, 0)
    assert task.state == "completed"
    assert read_file(client, job, "t") == "kept\n"
    assert "failed" in read_file(client, job, "t", "fileuploadout.txt")
    assert json_code(read_file(client, job, "t", "fileuploaderr.txt")) == code
    assert stored(container) == {"out": b"out\n"}
    counts = client.get_job_task_counts(job).task_counts
    assert (counts.completed, counts.succeeded, counts.failed) == (1, 0, 1)


def test_a_commands_failure_is_told_rather_than_that_of_its_output(
    client: BatchClient, job: str, container: ContainerClient
) -> None:
    files = [output("../stdout.txt", container_url(container, suffix="gone"))]
    task = run_task(client, job, new_task("t", "exit 5", output_files=files))
    assert failure(task)[1] == "FailureExitCode"
    assert execution_of(task).exit_code == 5


def json_code(text: str) -> str:
    """The code in what a node says of a failed upload."""
    return str(json.loads(text.splitlines()[0])["code"])
