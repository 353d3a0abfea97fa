"""The agent itself: how it is started, found, shared and ended."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

import remotebatch_local.agent.server
from remotebatch import ProviderError, ProviderUnavailable, SubmissionEnvironment
from remotebatch_local.store import Store
from tests.conftest import stop_agent
from tests.support.local import agent_of, agent_pid, single_job


def test_only_its_user_can_reach_it(env: SubmissionEnvironment, root: str) -> None:
    env.submit(int).result(30)
    assert stat.S_IMODE(os.stat(f"{root}/agent.sock").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(root).st_mode) == 0o700


def test_many_clients_at_once_start_one_agent(root: str) -> None:
    script = (
        f"import remotebatch\nenv = remotebatch.SubmissionEnvironment('Local', root={root!r}, slots=2)\n"
        "agent = env._client.provider.agent\n"
        "print(env.submit(__import__('os').getpid).result(60), agent.call('status')['pid'])"
    )
    clients = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(5)
    ]
    outputs = [client.communicate(timeout=60)[0].split() for client in clients]
    assert len({agent for _, agent in outputs}) == 1


def test_root_with_a_long_path() -> None:
    base = tempfile.mkdtemp(prefix="rb")
    root = os.path.join(base, *["a-rather-long-directory-name"] * 5)
    env = SubmissionEnvironment("Local", root=root, slots=1)
    try:
        assert env.submit(int).result(30) == 0
    finally:
        stop_agent(root)


def test_root_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    env = SubmissionEnvironment("Local", root=tmp_path / "file" / "root")
    with pytest.raises(ProviderError, match="choose another with root="):
        env.submit(int)


def test_agent_that_cannot_start_is_a_clear_error(root: str) -> None:
    Path(root, "journal.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 50)
    with pytest.raises(ProviderUnavailable, match=r"did not start: .*not a database"):
        SubmissionEnvironment("Local", root=root).submit(int)


def test_idle_agent_ends_itself(root: str) -> None:
    script = (
        "import remotebatch_local.agent.server as agent\n"
        "agent.IDLE_SECONDS = 0.5\n"
        f"agent.main([{root!r}, '--slots', '1'])"
    )
    agent = subprocess.Popen([sys.executable, "-c", script])
    env = SubmissionEnvironment("Local", root=root)
    while not os.path.exists(f"{root}/agent.sock"):
        pass
    job = env.submit(__import__("time").sleep, 1.5)
    job.result(30)
    assert agent.wait(30) == 0
    assert single_job(env, job.id).result(30) is None  # another was started for the asking
    assert remotebatch_local.agent.server.IDLE_SECONDS >= 60


def test_agent_of_another_version_makes_way(
    env: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = env.submit(lambda: 1)
    assert job.result(30) == 1
    first = agent_pid(env)
    monkeypatch.setattr("remotebatch_local.agent.wire.version", lambda: "0.0.other")
    root = env.properties["root"]
    newer = SubmissionEnvironment("Local", root=root)
    with pytest.raises(ProviderError, match="jobs are in progress"):
        _busy(env, newer)
    agent_of(env).call("status")
    assert psutil.pid_exists(first)


def _busy(env: SubmissionEnvironment, newer: SubmissionEnvironment) -> None:
    job = env.submit(__import__("time").sleep, 30)
    try:
        newer.submit(int)
    finally:
        job.abort().wait(30)


def test_garbage_on_the_socket_does_not_end_it(env: SubmissionEnvironment, root: str) -> None:
    env.submit(int).result(30)
    pid = agent_pid(env)
    for garbage in (b"\0\0\0\5hello", b"\xff" * 64, b"\0\0\0\1\xc0", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(Store(root).socket)
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    with pytest.raises(ProviderError, match="knows no operation 'dance'"):
        agent_of(env).call("dance")
    with pytest.raises(ProviderError, match="failed at 'abort'"):
        agent_of(env).call("abort", nonsense=1)
    assert agent_pid(env) == pid


def test_client_survives_a_fork(env: SubmissionEnvironment) -> None:
    assert env.submit(int).result(30) == 0
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if env.submit(lambda: 7).result(30) == 7 else 1)
        finally:
            os._exit(2)
    assert env.submit(lambda: 8).result(30) == 8
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_files_lie_by_the_file_conventions(env: SubmissionEnvironment, root: str) -> None:
    def work(_: int) -> None:
        print("hello")
        with open("JobOutput/made.txt", "w") as file:
            file.write("x")

    array = env.map_submit(work, [1])
    array.results(30)
    container = Path(root, "blobs", f"job-{array.provider_job_id}")
    files = sorted(path.relative_to(container).as_posix() for path in container.rglob("*") if path.is_file())
    assert files == [
        "$Inputs/inputs",
        "$Results/10000001",
        "10000001/$TaskLog/stderr.txt",
        "10000001/$TaskLog/stdout.txt",
        "10000001/$TaskOutput/made.txt",
    ]


def test_streams_of_earlier_attempts_are_kept(env: SubmissionEnvironment, root: str) -> None:
    def work() -> None:
        import time

        print(time.time_ns())
        raise ValueError

    job = env.options(max_retries=1).submit(work).wait(30)
    logs = Path(root, "blobs", f"job-{job.provider_job_id}", "10000000", "$TaskLog")
    assert int((logs / "attempt-1" / "stdout.txt").read_text()) < int(job.log())
