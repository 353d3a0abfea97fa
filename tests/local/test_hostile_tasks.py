"""User code that does what it should not: its own task may fail for it, nothing else may."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from remotebatch import Command, FailureType, InvalidSetting, JobFailed, JobStatus, SubmissionEnvironment
from tests.support.local import agent_of, agent_pid


def free_slots(env: SubmissionEnvironment) -> int:
    return int(agent_of(env).call("status")["free_slots"])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_exceptions_that_are_no_exception(env: SubmissionEnvironment, kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind("from afar")

    job = env.submit(fail).wait(30)
    assert job.failure_type is FailureType.USER_EXCEPTION
    assert isinstance(job.exception(), kind)
    assert "from afar" in job.error_log()


def test_exit_in_a_chunk_keeps_what_came_before(env: SubmissionEnvironment) -> None:
    def work(number: int) -> int:
        if number == 2:
            sys.exit(0)
        if number == 4:
            sys.exit(9)
        return number

    array = env.map_submit(work, range(6), chunksize=6)
    *values, fourth, fifth = array.results(30, return_exceptions=True)
    assert values == [0, 1, None, 3]
    assert isinstance(fourth, JobFailed)
    assert isinstance(fifth, JobFailed)
    assert array[0].exit_code == 9


def test_streams_that_were_closed_or_replaced(env: SubmissionEnvironment, tmp_path: Path) -> None:
    def close() -> str:
        sys.stdout.close()
        return "fine"

    def remove() -> str:
        sys.stdout = None
        return "fine"

    def replace(path: str) -> str:
        with open(path, "w") as file:
            sys.stdout = file
            print("into a file")
        return "fine"

    for job in (env.submit(close), env.submit(remove), env.submit(replace, str(tmp_path / "out"))):
        assert job.result(30) == "fine"


def test_directories_that_were_tampered_with_are_not_used_again(
    env: SubmissionEnvironment, tmp_path: Path
) -> None:
    def tamper(number: int, elsewhere: str) -> None:
        import os

        if number % 2:
            os.rmdir("JobOutput")
            os.symlink(elsewhere, "JobOutput")
        else:
            os.chmod(".", 0o500)

    def look(_: int) -> tuple[bool, int]:
        import os

        return os.path.islink("JobOutput"), os.stat(".").st_mode & 0o777

    (tmp_path / "mine").write_text("not an output")
    tampering = env.map_submit(tamper, range(6), [str(tmp_path)] * 6)
    tampering.results(30)
    assert {file.name for child in tampering for file in child.output_files()} == set()
    assert set(env.map_submit(look, range(6)).results(30)) == {(False, 0o755)}
    assert (tmp_path / "mine").exists()


def test_loading_that_hangs_can_be_aborted(env: SubmissionEnvironment) -> None:
    class Hangs:
        def __reduce__(self) -> tuple[Any, ...]:
            return time.sleep, (3600,)

    hangs = Hangs()
    array = env.map_submit(lambda _: hangs, range(300))
    time.sleep(0.5)
    array.abort().wait(30)
    assert {child.failure_type for child in array} == {FailureType.ABORTED}
    assert env.submit(lambda: "free again").result(30) == "free again"
    assert free_slots(env) == 2


def test_loading_that_kills_the_kernel_fails_its_own_tasks(env: SubmissionEnvironment) -> None:
    class Kills:
        def __reduce__(self) -> tuple[Any, ...]:
            import os

            return os._exit, (3,)

    kills = Kills()
    array = env.map_submit(lambda _: kills, range(300)).wait(60)
    assert {child.exit_code for child in array} == {3}
    assert env.submit(lambda: "others go on").result(30) == "others go on"


def test_damaged_inputs_fail_the_job_alone(env: SubmissionEnvironment, root: str) -> None:
    blocker = env.options(vcpu_count=2).submit(time.sleep, 1.5)
    array = env.map_submit([Command(["echo", str(number)]) for number in range(4)])
    inputs = Path(root, "blobs", f"job-{array.provider_job_id}", "$Inputs", "inputs")
    inputs.write_bytes(inputs.read_bytes()[:60])
    later = env.submit(lambda: "later")
    blocker.result(30)
    array.wait(30)
    assert array[3].failure_type is FailureType.SETUP_FAILED
    assert later.result(30) == "later"
    assert free_slots(env) == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"environment": {"A": "a\0b"}}, "null character"),
        ({"environment": {"A": "\ud800"}}, "half a surrogate pair"),
        ({"environment": {"REMOTEBATCH_JOB_ID": "x"}}, "names with REMOTEBATCH_"),
        ({"name": "\ud800"}, "half a surrogate pair"),
        ({"input_files": {"JobOutput/x": b""}}, "JobOutput, which is for what the task writes"),
        ({"max_retries": 2**64}, "max_retries"),
        ({"memory_limit": 2**70}, "memory_limit"),
    ],
)
def test_settings_that_no_system_takes_are_refused(
    env: SubmissionEnvironment, setting: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidSetting, match=message):
        env.options(**setting)


def test_time_constraint_does_not_count_the_kernels_start(env: SubmissionEnvironment) -> None:
    assert env.options(time_constraint=0.2).submit(lambda: "in time").result(30) == "in time"


def test_a_retry_by_another_client_is_seen(env: SubmissionEnvironment, root: str, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    def work() -> str:
        if not flag.exists():
            raise FileNotFoundError(flag)
        return "second time"

    job = env.submit(work).wait(30)
    flag.touch()
    SubmissionEnvironment("Local", root=root).job(job.id).retry().wait(30)
    assert env.job(job.id).status is JobStatus.SUCCEEDED
    assert job.result() == "second time"


def test_abort_holds_though_the_agent_is_killed_before_it_is_done(env: SubmissionEnvironment) -> None:
    def stubborn() -> None:
        import signal
        import time

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("begun", flush=True)
        time.sleep(60)

    job = env.submit(stubborn)
    assert next(job.follow()) == "begun"
    job.abort()
    import os

    os.kill(agent_pid(env), 9)
    job.wait(30)
    assert job.failure_type is FailureType.ABORTED
    assert "on behalf of" in (job.status_reason or "")


def test_order_of_jobs_outlives_deletions_and_restarts(env: SubmissionEnvironment) -> None:
    first, *middle = [env.submit(int) for _ in range(4)]
    for job in middle:
        job.delete()
    agent_of(env).stop(force=True)
    second = env.submit(int)
    second.wait(30)
    agent_of(env).stop(force=True)
    assert [job.id for job in env.jobs()] == [second.id, first.id]


def test_aborted_while_waiting_has_no_process(env: SubmissionEnvironment) -> None:
    blocker = env.options(vcpu_count=2).submit(time.sleep, 60)
    waiting = env.submit(Command(["true"]))
    waiting.abort().wait(30)
    assert waiting.evaluation is not None
    assert waiting.evaluation.result is None
    with pytest.raises(JobFailed, match="Aborted"):
        waiting.result()
    blocker.abort().wait(30)
