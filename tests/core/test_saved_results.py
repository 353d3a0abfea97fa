"""A result in a file: what is in it, and what is raised when there is none."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import remotebatch
from remotebatch import Command, FailureType, JobFailed, RemoteException, SubmissionEnvironment
from tests.support.providers import Careless, environment_of


def test_value(env: SubmissionEnvironment, tmp_path: Path) -> None:
    job = env.submit(lambda: {"large": b"x" * 5_000_000})
    path = job.save_result(tmp_path / "new" / "result")
    assert path == tmp_path / "new" / "result"
    assert remotebatch.load_result(path) == remotebatch.load_result(str(path)) == job.result()
    assert [file.name for file in path.parent.iterdir()] == ["result"]


def test_children_and_their_spans(env: SubmissionEnvironment, tmp_path: Path) -> None:
    array = env.map_submit(abs, [-1, -2, -3], chunksize=2)
    saved = [child.save_result(tmp_path / str(child.index)) for child in array]
    assert [remotebatch.load_result(path) for path in saved] == [[1, 2], 3]


def test_in_another_process(env: SubmissionEnvironment, tmp_path: Path) -> None:
    path = env.submit(pow, 2, 10).save_result(tmp_path / "result")
    script = "import remotebatch, sys; print(remotebatch.load_result(sys.argv[1]))"
    assert subprocess.check_output([sys.executable, "-c", script, path], text=True) == "1024\n"


def test_exception_is_raised_as_itself(env: SubmissionEnvironment, tmp_path: Path) -> None:
    path = env.submit(int, "x").save_result(tmp_path / "result")
    with pytest.raises(ValueError, match="'x'") as caught:
        remotebatch.load_result(path)
    shown = "".join(getattr(caught.value, "__notes__", [])) or str(caught.value.__cause__)
    assert f"Remote traceback of the task whose result is in '{path}'" in shown


def test_exception_that_cannot_be_rebuilt(env: SubmissionEnvironment, tmp_path: Path) -> None:
    class Holder(Exception):
        def __init__(self) -> None:
            super().__init__("holds a generator")
            self.numbers = (number for number in range(3))

    def fail() -> None:
        raise Holder

    path = env.submit(fail).save_result(tmp_path / "result")
    with pytest.raises(RemoteException, match="holds a generator") as caught:
        remotebatch.load_result(path)
    assert caught.value.failure_type is FailureType.USER_EXCEPTION


def test_exit_code(env: SubmissionEnvironment, tmp_path: Path) -> None:
    path = env.submit(sys.exit, 3).save_result(tmp_path / "result")
    with pytest.raises(JobFailed, match=r"NonZeroExit: the function called sys\.exit\(3\)"):
        remotebatch.load_result(path)


def test_command(env: SubmissionEnvironment, tmp_path: Path) -> None:
    job = env.submit(Command(["echo", "hello"]))
    assert vars(remotebatch.load_result(job.save_result(tmp_path / "result"))) == vars(job.result())
    path = env.submit(Command(["sh", "-c", "exit 3"])).save_result(tmp_path / "failed")
    with pytest.raises(JobFailed, match="NonZeroExit: the command ended with exit code 3"):
        remotebatch.load_result(path)


def test_a_job_without_a_result_makes_no_file(env: SubmissionEnvironment, tmp_path: Path) -> None:
    job = env.submit(time.sleep, 600)
    with pytest.raises(TimeoutError):
        job.save_result(tmp_path / "result", timeout=0.1)
    with pytest.raises(JobFailed, match="Aborted: aborted by remotebatch"):
        job.abort().save_result(tmp_path / "result")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_came_damaged_is_made_again(root: str, tmp_path: Path) -> None:
    provider = Careless(root=root)
    env = environment_of(provider)
    provider.cuts = 1
    assert remotebatch.load_result(env.submit(abs, -1).save_result(tmp_path / "result")) == 1
    provider.cuts = 4
    with pytest.raises(JobFailed, match="ResultUnavailable: the stored result is damaged"):
        env.submit(abs, -1).save_result(tmp_path / "other")
    assert [file.name for file in tmp_path.iterdir()] == ["result"]
    provider.close()


@pytest.mark.parametrize("content", [b"", b"nothing of ours\n", b'{"format": 1, "payload_bytes": 9}\nshort'])
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        remotebatch.load_result(tmp_path / "file")
