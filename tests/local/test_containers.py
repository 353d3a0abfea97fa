"""Tasks in containers of a real Docker Engine: what is particular to them."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

import remotebatch
from remotebatch import Command, FailureType, JobStatus, ProviderError, SubmissionEnvironment
from tests.support.local import agent_pid

pytestmark = pytest.mark.docker


def containers(job_id: str) -> list[str]:
    with closing(docker.from_env()) as client:
        found = client.containers.list(
            all=True, filters={"label": f"remotebatch.job={job_id}"}, ignore_removed=True
        )
        return [container.id for container in found if container.id is not None]


def test_another_minor_version_is_refused_by_name(env: SubmissionEnvironment, other_image: str) -> None:
    job = env.options(container_image=other_image).submit(lambda: print("ran")).wait(60)
    assert job.failure_type is FailureType.VERSION_MISMATCH
    ours, theirs = "{}.{}".format(*sys.version_info), other_image.rpartition(":")[2]
    assert f"packed by Python {ours}, but here runs Python {theirs}" in (job.status_reason or "")
    assert (job.exit_code, job.log()) == (90, "")


def test_commands_need_no_python_of_ours(env: SubmissionEnvironment, other_image: str) -> None:
    process = env.options(container_image=other_image).submit(Command(["python3", "-V"])).result(60)
    assert process.stdout == f"Python {other_image.rpartition(':')[2]}" + process.stdout[len("Python 3.11") :]


def test_image_that_cannot_be_had_is_refused_at_submission(env: SubmissionEnvironment) -> None:
    with pytest.raises(
        ProviderError, match=r"container_image='no-such-image:1' is neither on this machine nor"
    ):
        env.options(container_image="no-such-image:1").submit(int)
    assert env.jobs() == []


def test_no_engine_is_a_clear_error(env: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    from remotebatch_execution.runners import containers as runner

    runner.engine.cache_clear()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(ProviderError, match="needs a running Docker engine, and none answers"):
        env.options(container_image="any").submit(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the docker package's own unconnected socket
        gc.collect()


def test_abort_leaves_no_container(env: SubmissionEnvironment, matching_image: str) -> None:
    command = Command(["sh", "-c", "trap '' TERM; (sleep 300 &) ; echo ready; sleep 300"])
    array = env.options(container_image=matching_image).map_submit([command] * 3)
    assert next(array[0].follow()) == "ready"
    assert containers(array.id)
    array.abort().wait(60)
    assert containers(array.id) == []
    assert all("on behalf of" in (reason or "") for reason in array.child_status_reasons)


def test_abort_while_the_container_is_being_made(env: SubmissionEnvironment, matching_image: str) -> None:
    for delay in (0.0, 0.05, 0.2):
        job = env.options(container_image=matching_image).submit(time.sleep, 60)
        time.sleep(delay)
        job.abort().wait(60)
        assert job.failure_type is FailureType.ABORTED
        assert containers(job.id) == []


def test_too_little_memory_is_told_apart(env: SubmissionEnvironment, matching_image: str) -> None:
    def hoard() -> int:
        data = bytearray(1 << 30)
        return sum(data[::4096])

    limited = env.options(container_image=matching_image, memory_limit=64 << 20)
    job = limited.submit(hoard).wait(60)
    assert job.failure_type is FailureType.OUT_OF_MEMORY
    assert "more than 67108864 bytes" in (job.status_reason or "")


def test_agent_killed_while_containers_run(env: SubmissionEnvironment, matching_image: str) -> None:
    job = env.options(container_image=matching_image).submit(time.sleep, 3)
    while not containers(job.id):
        time.sleep(0.05)
    first = set(containers(job.id))
    os.kill(agent_pid(env), 9)
    job.result(60)
    assert job.status is JobStatus.SUCCEEDED
    assert job.requeues == 1
    assert not first & set(containers(job.id))


def test_files_belong_to_the_user(env: SubmissionEnvironment, matching_image: str) -> None:
    job = env.options(container_image=matching_image).submit(os.getuid)
    assert job.result(60) == os.getuid()


def test_image_without_python(env: SubmissionEnvironment) -> None:
    with closing(docker.from_env()) as client:
        client.images.build(
            fileobj=io.BytesIO(b"FROM scratch\nENV only=this\n"), tag="remotebatch-test/empty"
        )
    job = env.options(container_image="remotebatch-test/empty").submit(int).wait(60)
    assert job.failure_type is FailureType.SETUP_FAILED
    assert "has no python3" in (job.status_reason or "")
    command = env.options(container_image="remotebatch-test/empty").submit(Command(["ls"])).wait(60)
    assert (command.exit_code, command.failure_type) == (127, FailureType.NON_ZERO_EXIT)


def test_gpus_become_a_device_request(root: str, matching_image: str) -> None:
    """Without a GPU here, the engine's refusal shows that it was asked for one."""
    env = SubmissionEnvironment("Local", root=root, slots=1, gpus=1)
    job = env.options(container_image=matching_image, gpu_count=1).submit(int).wait(60)
    assert job.failure_type is FailureType.SETUP_FAILED
    assert "could not select device driver" in (job.status_reason or "")
    assert json.dumps(job.settings["gpu_count"]) == "1"


def test_network_is_a_setting_for_containers(env: SubmissionEnvironment, matching_image: str) -> None:
    def interfaces() -> list[str]:
        import os

        return sorted(os.listdir("/sys/class/net"))

    job = env.options(container_image=matching_image, network="none").submit(interfaces)
    assert job.result(60) == ["lo"]
    with pytest.raises(ProviderError, match="network is a setting for containers"):
        env.options(network="none").submit(int)


def test_own_modules_may_import_remotebatch_where_it_is_not_installed(
    env: SubmissionEnvironment, matching_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_report.py").write_text(
        "import remotebatch\n"
        "from remotebatch import Job, SubmissionEnvironment, task\n"
        "def report(submits):\n"
        "    if submits:\n"
        "        SubmissionEnvironment('Local').submit(print)\n"
        "    return remotebatch.__file__, task.index(), task.seed(), remotebatch.vcpu_count()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import own_report  # type: ignore[import-not-found]

    here, there = (
        options.map_submit(own_report.report, [False] * 2)
        for options in (env.options(seed=2), env.options(seed=2, container_image=matching_image))
    )
    files, *known = zip(*there.results(60))
    assert all("/absent/remotebatch/__init__.py" in file for file in files)
    files, *expected = zip(*here.results(60))
    assert set(files) == {remotebatch.__file__}
    assert known == expected
    refused = env.options(container_image=matching_image).submit(own_report.report, True)
    with pytest.raises(
        ProviderError, match=r"^remotebatch.SubmissionEnvironment.submit was called in a task, but"
    ):
        refused.result(60)


def test_a_missing_module_is_said_to_be_missing_from_the_image(
    env: SubmissionEnvironment, matching_image: str
) -> None:
    class Unloadable:
        def __reduce__(self) -> Any:
            return __import__, ("a_module_nobody_has",)

    job = env.options(container_image=matching_image).submit(lambda value: None, Unloadable()).wait(60)
    assert job.failure_type is FailureType.MODULE_MISSING
    assert f"the image {matching_image!r} has none; choose a container_image" in str(job.status_reason)
