"""What survives what: clients, agents, kernels and disks that go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from remotebatch import FailureType, JobFailed, JobStatus, ProviderError, SubmissionEnvironment
from tests.conftest import stop_agent
from tests.support.local import agent_of, agent_pid, array_job, single_job


def fork_servers(env: SubmissionEnvironment) -> list[psutil.Process]:
    return list(psutil.Process(agent_pid(env)).children())


def script(root: str, body: str) -> str:
    return (
        "import remotebatch, os, signal, sys\n"
        f"env = remotebatch.SubmissionEnvironment('Local', root={root!r}, slots=2)\n{body}"
    )


def test_jobs_outlive_a_client_that_exits_at_once(env: SubmissionEnvironment, root: str) -> None:
    body = "print(env.submit(lambda: __import__('time').sleep(0.5) or 'done').id)"
    output = subprocess.run(
        [sys.executable, "-c", script(root, body)], check=True, capture_output=True, text=True
    )
    assert single_job(env, output.stdout.strip()).result(30) == "done"


def test_jobs_outlive_a_client_that_is_killed(env: SubmissionEnvironment, root: str) -> None:
    body = """
array = env.map_submit(lambda i: __import__('time').sleep(0.05) or i, range(40))
print(array.id, flush=True)
array[3].wait()
os.kill(os.getpid(), signal.SIGKILL)
"""
    completed = subprocess.run([sys.executable, "-c", script(root, body)], capture_output=True, text=True)
    assert completed.returncode == -signal.SIGKILL
    assert array_job(env, completed.stdout.strip()).results(60) == list(range(40))


@pytest.mark.parametrize("with_kernels", [False, True], ids=["agent", "agent and kernels"])
def test_agent_killed_in_the_middle_of_an_array(
    env: SubmissionEnvironment, root: str, tmp_path: Path, with_kernels: bool
) -> None:
    log = tmp_path / "log"

    def work(number: int) -> int:
        import time

        time.sleep(0.004)
        with open(log, "a") as file:
            file.write(f"{number}\n")
        return number * number

    array = env.map_submit(work, range(500))
    array[150].wait(60)
    before = {child.index for child in array if child._known_status() is JobStatus.SUCCEEDED}
    victims = [psutil.Process(agent_pid(env))]
    if with_kernels:
        victims = victims[0].children() + victims
    for process in victims:
        process.kill()
    again = array_job(SubmissionEnvironment("Local", root=root), array.id)
    again.wait(60)
    for child in again:
        assert child.status is JobStatus.SUCCEEDED or child.status_reason
    assert again.results() == [number * number for number in range(500)]
    runs = Counter(int(line) for line in log.read_text().split())
    assert all(runs[number] == 1 for number in before)  # what was finished is not run again
    assert max(runs.values()) <= 2
    assert array.results(30) == again.results()  # the first handle found the new agent too


def test_running_tasks_are_queued_again_and_say_so(env: SubmissionEnvironment, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    def work() -> str:
        import os
        import time

        print("begun", flush=True)
        if not os.path.exists(flag):
            with open(flag, "w"):
                pass
            time.sleep(300)
        return "second time"

    job = env.submit(work)
    assert next(job.follow()) == "begun"
    os.kill(agent_pid(env), signal.SIGKILL)
    assert job.result(30) == "second time"
    assert (job.requeues, job.attempts) == (1, 1)


def test_a_task_that_takes_its_kernel_down_ends_as_lost(env: SubmissionEnvironment) -> None:
    def kill_the_parent() -> None:
        import os
        import signal
        import time

        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(300)

    job = env.submit(kill_the_parent).wait(60)
    assert job.failure_type is FailureType.NODE_LOST
    assert "lost 4 times" in (job.status_reason or "")
    assert env.submit(lambda: "others go on").result(30) == "others go on"


def test_killed_kernel_leaves_no_task_behind(env: SubmissionEnvironment) -> None:
    def sleep() -> None:
        import os
        import time

        print(os.getpid(), flush=True)
        time.sleep(300)

    job = env.submit(sleep)
    pid = int(next(job.follow()))
    for kernel in fork_servers(env):
        kernel.kill()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    job.abort().wait(30)


def test_agent_that_ends_leaves_nothing_and_loses_nothing(env: SubmissionEnvironment, root: str) -> None:
    marker = f"stop-{os.getpid()}"
    job = env.options(environment={"MARKER": marker}).submit(time.sleep, 300)
    while job.status is not JobStatus.RUNNING:
        time.sleep(0.01)
    with pytest.raises(ProviderError, match="jobs are in progress"):
        agent_of(env).stop()
    assert agent_of(env).stop(force=True)
    assert not [p for p in psutil.process_iter() if _environment(p).get("MARKER") == marker]
    again = single_job(SubmissionEnvironment("Local", root=root), job.id)
    assert again.in_progress
    again.abort().wait(30)
    assert again.requeues == 1


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}


def test_finished_jobs_are_there_after_a_restart(env: SubmissionEnvironment, root: str) -> None:
    array = env.map_submit(lambda x: 1 // x, [1, 0])
    array.wait(30)
    stop_agent(root)
    again = array_job(env, array.id)
    assert [str(status) for status in again.child_statuses] == ["Succeeded", "Failed"]
    assert "ZeroDivisionError" in (again[1].status_reason or "")
    again.retry().wait(30)
    assert [child.attempts for child in again] == [1, 2]


def test_damaged_result_is_told_from_a_failed_job(env: SubmissionEnvironment, root: str) -> None:
    job = env.submit(lambda: list(range(1000)))
    job.wait(30)
    result = Path(root, "blobs", f"job-{job.provider_job_id}", "$Results", "10000000")
    whole = result.read_bytes()
    for damaged in (b"", b"\x80\x04garbage", whole[:-10], whole[:-1] + b"\0"):
        result.write_bytes(damaged)
        attached = env.job(job.id)
        with pytest.raises(JobFailed, match="ResultUnavailable: the stored result is damaged") as caught:
            single_job(SubmissionEnvironment("Local", root=root), job.id).result()
        assert caught.value.failure_type is FailureType.RESULT_UNAVAILABLE
        assert attached.status is JobStatus.SUCCEEDED
    result.unlink()
    with pytest.raises(JobFailed, match="its result is not stored"):
        single_job(SubmissionEnvironment("Local", root=root), job.id).result()


@pytest.fixture
def small_disk() -> Iterator[str]:
    """A file system of a few megabytes."""
    directory = tempfile.mkdtemp(prefix="rb")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", directory], check=True)
    yield directory
    stop_agent(directory)
    subprocess.run(["umount", "--lazy", directory], check=True)  # what it ran may still be ending
    os.rmdir(directory)


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return


def test_full_disk_is_a_clear_failure_and_the_agent_lives(small_disk: str) -> None:
    env = SubmissionEnvironment("Local", root=small_disk, slots=2)
    job = env.submit(lambda: b"x" * (20 << 20)).wait(30)
    assert job.failure_type is FailureType.RESULT_UNAVAILABLE
    assert "full disk" in (job.status_reason or "")
    assert "No space left on device" in job.error_log()
    with pytest.raises(ProviderError, match=r"cannot be stored under .*: .*No space left"):
        env.submit(len, b"x" * (20 << 20))
    pid = agent_pid(env)
    filler = Path(small_disk, "filler")
    fill(filler)
    with pytest.raises(ProviderError):
        env.submit(lambda: 1).result(30)
    filler.unlink()
    assert env.submit(lambda: "room again").result(30) == "room again"
    assert agent_pid(env) == pid
