"""Each task is a process of its own that leaves nothing behind and shares nothing."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from remotebatch import Command, FailureType, JobFailed, RandomStateWarning, SubmissionEnvironment


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def spawn_descendants(marker: str) -> None:
    """Start children, grandchildren, a new session and a daemon that has left every group."""
    import os
    import subprocess
    import time

    sleeper = ["sleep", "300"]
    environment = {**os.environ, "MARKER": marker}
    subprocess.Popen(sleeper, env=environment)
    subprocess.Popen(sleeper, env=environment, start_new_session=True)
    subprocess.Popen(["sh", "-c", "sleep 300 & sleep 300 & wait"], env=environment)
    subprocess.Popen(["setsid", "sh", "-c", "(setsid sleep 300 >/dev/null 2>&1 &) ; exit 0"], env=environment)
    time.sleep(0.5)
    print("spawned", flush=True)


def marked(marker: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MARKER") == marker and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def linger(marker: str) -> None:
    import time

    spawn_descendants(marker)
    time.sleep(300)


def test_abort_of_an_array_leaves_no_process(env: SubmissionEnvironment) -> None:
    marker = f"abort-{os.getpid()}"
    array = env.map_submit(lambda i: linger(marker), range(6))
    for child in array[:2]:
        assert next(child.follow()) == "spawned"
    assert len(marked(marker)) >= 10
    array.abort().wait(30)
    assert marked(marker) == []
    assert array.counts.failed == 6
    assert all(
        "aborted by remotebatch on behalf of" in (reason or "") for reason in array.child_status_reasons
    )
    assert {child.failure_type for child in array} == {FailureType.ABORTED}


@pytest.mark.parametrize("ending", ["return", "raise", "timeout", "crash"])
def test_however_a_task_ends_its_descendants_end_with_it(env: SubmissionEnvironment, ending: str) -> None:
    marker = f"{ending}-{os.getpid()}"

    def work() -> None:
        import os
        import signal
        import time

        spawn_descendants(marker)
        if ending == "raise":
            raise ValueError
        if ending == "timeout":
            time.sleep(300)
        if ending == "crash":
            os.kill(os.getpid(), signal.SIGKILL)

    job = env.options(time_constraint=3 if ending == "timeout" else None).submit(work).wait(30)
    assert job.log() == "spawned\n"
    assert marked(marker) == []


def test_a_task_that_ignores_sigterm_is_killed(env: SubmissionEnvironment) -> None:
    job = env.submit(Command(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]))
    assert next(job.follow()) == "ready"
    job.abort().wait(30)
    assert (job.failure_type, job.exit_code) == (FailureType.ABORTED, 137)


def test_signal_from_elsewhere_is_told_in_the_reason(env: SubmissionEnvironment) -> None:
    def show_pid() -> None:
        import os
        import time

        print(os.getpid(), flush=True)
        time.sleep(60)

    job = env.submit(show_pid)
    os.kill(int(next(job.follow())), 9)
    job.wait(30)
    assert (job.failure_type, job.exit_code) == (FailureType.NON_ZERO_EXIT, 137)
    assert job.status_reason == "killed by signal 9 (SIGKILL), not by remotebatch"


def test_too_little_memory(env: SubmissionEnvironment) -> None:
    def hoard() -> int:
        return len(bytearray(2 << 30))

    job = env.options(memory_limit=512 << 20).submit(hoard).wait(30)
    assert job.failure_type is FailureType.OUT_OF_MEMORY
    with pytest.raises(MemoryError):
        job.result()
    assert env.submit(hoard).result(30) == 2 << 30


def test_tasks_have_their_own_process_session_and_directory(env: SubmissionEnvironment) -> None:
    def look(_: int) -> tuple[int, int, str, list[str]]:
        import os
        import time

        time.sleep(0.2)
        return os.getpid(), os.getsid(0), os.getcwd(), os.listdir()

    results = env.map_submit(look, range(4)).results(30)
    assert len({pid for pid, *_ in results}) == 4
    assert all(pid == session for pid, session, *_ in results)
    assert len({directory for _, _, directory, _ in results[:2]}) == 2
    assert all(files == ["JobOutput"] for *_, files in results)


def test_a_used_directory_is_clean_for_the_next(env: SubmissionEnvironment) -> None:
    def litter(number: int) -> list[str]:
        import os

        found = os.listdir()
        with open(f"litter-{number}", "w") as file:
            file.write("x")
        return found

    assert env.map_submit(litter, range(6)).results(30) == [["JobOutput"]] * 6


def test_nothing_is_shared_between_tasks(env: SubmissionEnvironment) -> None:
    def work(_: int) -> tuple[int, str | None, float]:
        import builtins
        import os
        import random

        count = getattr(builtins, "count", 0) + 1
        setattr(builtins, "count", count)  # noqa: B010
        seen = os.environ.get("LEFT_BEHIND")
        os.environ["LEFT_BEHIND"] = "yes"
        os.umask(0o777)
        return count, seen, random.random()

    results = env.map_submit(work, range(300)).results(60)
    assert {(count, seen) for count, seen, _ in results} == {(1, None)}
    assert len({number for *_, number in results}) == 300


def test_numpys_global_random_state_differs_in_each_task(env: SubmissionEnvironment) -> None:
    import numpy as np

    with pytest.warns(RandomStateWarning, match=r"numpy\.random\.rand draws from numpy's global generator"):
        array = env.map_submit(lambda _: float(np.random.rand()), range(8))
    results = array.results(60)
    assert len(set(results)) == 8


def test_modules_the_function_names_are_imported_once_for_all(env: SubmissionEnvironment) -> None:
    import numpy as np

    def imported_by_the_fork_server(_: int) -> bool:
        import os

        with open(f"/proc/{os.getppid()}/maps") as maps:
            return "_multiarray_umath" in maps.read() and np.pi > 3

    assert env.map_submit(imported_by_the_fork_server, range(4)).results(60) == [True] * 4


def test_open_files_of_the_agent_are_not_the_tasks(env: SubmissionEnvironment) -> None:
    def descriptors() -> list[str]:
        import os

        numbers = [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
        paths = [f"/proc/self/fd/{fd}" for fd in numbers]
        return [os.readlink(path) for path in paths if os.path.exists(path)]  # not the listing's own

    assert env.submit(descriptors).result(30) == []


def test_a_closure_that_holds_an_open_file_is_not_shared(env: SubmissionEnvironment, tmp_path: Path) -> None:
    """A function whose loading opens a file is loaded in each task again, not once for all."""
    (tmp_path / "numbers").write_text("".join(f"{number}\n" for number in range(1000)))

    class Reader:
        def __init__(self, path: str) -> None:
            self.path = path
            self.file = open(path)  # noqa: SIM115

        def __reduce__(self) -> tuple[Any, ...]:
            return type(self), (self.path,)

    reader = Reader(str(tmp_path / "numbers"))
    results = env.map_submit(lambda _: int(reader.file.readline()), range(300)).results(60)
    reader.file.close()
    assert set(results) == {0}


def test_tasks_see_a_plain_environment(env: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch) -> None:
    def environment() -> dict[str, str]:
        import os

        return dict(os.environ)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    seen = env.submit(environment).result(30)
    assert "s3cret" not in seen.values()
    assert seen["PATH"] == os.environ["PATH"]


def test_command_with_large_arguments(env: SubmissionEnvironment) -> None:
    word = "x" * 100_000
    process = env.submit(Command(["printf", "%s", word])).result(30)
    assert isinstance(process, subprocess.CompletedProcess)
    assert process.stdout == word


def test_failed_tasks_directory_is_kept_for_a_look(env: SubmissionEnvironment, root: str) -> None:
    def fail() -> None:
        with open("half-done.txt", "w") as file:
            file.write("evidence")
        raise RuntimeError

    job = env.submit(fail)
    with pytest.raises(RuntimeError):
        job.result(30)
    kept = Path(root, "kept", job.id, "10000000", "half-done.txt")
    assert kept.read_text() == "evidence"
    job.delete()
    until(lambda: not kept.exists())


def test_exit_without_a_result(env: SubmissionEnvironment) -> None:
    def vanish() -> None:
        import os

        os._exit(0)

    job = env.submit(vanish).wait(30)
    assert job.failure_type is FailureType.RESULT_UNAVAILABLE
    with pytest.raises(JobFailed, match="without storing a result"):
        job.result()
