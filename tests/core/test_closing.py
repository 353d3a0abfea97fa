"""Environments close: nothing of them is left in this process, and their jobs go on."""

from __future__ import annotations

import gc
import os
import threading
import time

import pytest

from remotebatch import ProviderError, SingleJob, SubmissionEnvironment
from remotebatch.provider import Wake
from remotebatch.tracking.monitor import Monitor
from remotebatch_local import LocalProvider


def monitors() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "remotebatch-monitor"}


def test_a_closed_environment_leaves_no_thread_and_no_descriptor(root: str) -> None:
    others = monitors()
    with SubmissionEnvironment("Local", root=root, slots=2) as env:  # starts the agent
        env.submit(abs, -1).result(60)
    gc.collect()  # of what earlier tests have left
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with SubmissionEnvironment("Local", root=root, slots=2) as env:
            env.submit(time.sleep, 0.1).wait(60)
    assert monitors() <= others
    assert len(os.listdir("/proc/self/fd")) == before


def test_jobs_go_on_and_can_be_attached_to(root: str) -> None:
    with SubmissionEnvironment("Local", root=root, slots=2) as env:
        job = env.submit(pow, 2, 10)
    with SubmissionEnvironment("Local", root=root, slots=2) as again:
        attached = again.job(job.id)
        assert isinstance(attached, SingleJob)
        assert attached.result(60) == 1024


def test_a_closed_environment_says_so(env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 60)
    derived = env.options(vcpu_count=2)
    env.close()
    env.close()
    for attempt in (
        lambda: job.result(60),
        lambda: job.status,
        lambda: env.submit(abs, -1),
        lambda: derived.map_submit(abs, [1]),
        env.jobs,
    ):
        with pytest.raises(ProviderError, match="the environment at Local is closed; its jobs go on"):
            attempt()
    assert "closed" in repr(job)


def test_who_waits_when_it_is_closed_is_released(env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 60)
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            job.wait(60)
        except ProviderError as error:
            caught.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    env.close()
    waiter.join(10)
    assert [str(error) for error in caught]
    assert "closed" in str(caught[0])


def test_a_forked_process_waits_by_itself(env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 0.5)
    with pytest.raises(TimeoutError):
        job.wait(0.1)  # the parent's monitor runs
    pid = os.fork()
    if pid == 0:
        try:
            succeeded = job.wait(60).succeeded
        finally:
            os._exit(0 if succeeded else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_an_environment_that_is_dropped_leaves_no_descriptor(root: str) -> None:
    with SubmissionEnvironment("Local", root=root, slots=2) as env:  # starts the agent
        env.submit(abs, -1).result(60)
    gc.collect()  # of what earlier tests have left
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        provider = LocalProvider(root=root, slots=2)
        monitor = Monitor(provider)
        monitor.poll_soon()
        del monitor, provider
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_nothing_is_written_to_a_descriptor_that_is_closed() -> None:
    wake = Wake()
    wake.close()
    reading, writing = os.pipe()  # gets the numbers that are free now
    wake.set()
    wake.close()
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_monitor_that_is_closed_watches_nothing(env: SubmissionEnvironment) -> None:
    monitor = Monitor(env._client.provider)
    monitor.close(ProviderError("closed"))
    with pytest.raises(ProviderError, match="closed"), monitor.watching(env.submit(abs, -1)._tracker):
        pass


def test_a_job_of_a_closed_environment_acts_no_more(root: str) -> None:
    with SubmissionEnvironment("Local", root=root, slots=2) as env:
        job = env.submit(time.sleep, 1)
    for attempt in (job.abort, job.retry, job.delete, job.log, job.output_files, lambda: job.evaluation):
        with pytest.raises(ProviderError, match="the environment at Local is closed"):
            attempt()
    assert job.provider == "Local"
    assert "closed" in repr(job)
    with SubmissionEnvironment("Local", root=root, slots=2) as again:
        attached = again.job(job.id)
        assert attached.wait(60).succeeded
