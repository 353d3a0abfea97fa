"""Slots, priorities and order, as a client sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from remotebatch import ProviderError, SingleJob, SubmissionEnvironment


def occupy(log: str, name: str, vcpus: int, seconds: float) -> None:
    import time

    with open(log, "a") as file:
        file.write(f"{time.time()} {vcpus} {name}\n")
    time.sleep(seconds)
    with open(log, "a") as file:
        file.write(f"{time.time()} {-vcpus} {name}\n")


def read(log: Path) -> list[tuple[float, int, str]]:
    lines = [line.split() for line in log.read_text().splitlines()]
    return sorted((float(when), int(change), name) for when, change, name in lines)


def test_tasks_of_two_sizes_never_exceed_the_slots(env: SubmissionEnvironment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    arrays = [
        env.options(vcpu_count=vcpus).map_submit(
            lambda i, vcpus=vcpus: occupy(str(log), f"{vcpus}", vcpus, 0.05), range(12)
        )
        for vcpus in (1, 2)
    ]
    for array in arrays:
        array.results(60)
    used = 0
    for _, change, _ in read(log):
        used += change
        assert 0 <= used <= 2
    assert len(read(log)) == 48


def test_higher_priority_starts_before_what_waits(env: SubmissionEnvironment, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def submit(name: str, priority: float, seconds: float = 0.3) -> SingleJob[None]:
        return env.options(vcpu_count=2, job_priority=priority).submit(occupy, str(log), name, 2, seconds)

    # the first is still running when the last is submitted
    jobs = [submit("first", 0, seconds=5), submit("second", 0), submit("low", -1), submit("high", 1)]
    for job in jobs:
        job.result(60)
    assert [name for _, change, name in read(log) if change > 0] == ["first", "high", "second", "low"]


def test_higher_priority_overtakes_a_long_array_at_once(env: SubmissionEnvironment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    env.submit(occupy, str(log), "first", 1, 0.0).result(60)  # so that the urgent job finds its kernel warm
    array = env.map_submit(lambda i: occupy(str(log), "array", 1, 0.05), range(300))
    array[20].result(60)
    urgent = env.options(job_priority=1).submit(occupy, str(log), "urgent", 1, 0.0)
    urgent.result(60)
    array.abort().wait(60)
    events = read(log)
    start = next(when for when, change, name in events if name == "urgent" and change > 0)
    submitted = urgent.submitted_at.timestamp()
    overtaken_by = [when for when, change, _ in events if change > 0 and submitted + 0.02 < when < start]
    assert len(overtaken_by) <= 4  # what was starting in just that moment; some 280 were waiting


def test_what_fits_is_not_held_up_by_what_does_not(env: SubmissionEnvironment, tmp_path: Path) -> None:
    log = tmp_path / "log"
    long = env.submit(occupy, str(log), "long", 1, 1.5)
    wide = env.options(vcpu_count=2).submit(occupy, str(log), "wide", 2, 0)
    small = env.submit(occupy, str(log), "small", 1, 0)
    for job in (long, wide, small):
        job.result(60)
    started = [name for _, change, name in read(log) if change > 0]
    assert (sorted(started[:2]), started[2]) == (["long", "small"], "wide")


def test_what_can_never_fit_is_refused(env: SubmissionEnvironment) -> None:
    with pytest.raises(ProviderError, match=r"vcpu_count=3 can never run here: the pool has 2 slots"):
        env.options(vcpu_count=3).submit(int)
    with pytest.raises(ProviderError, match=r"gpu_count=1 can never run here: the pool has 0 GPUs"):
        env.options(gpu_count=1).submit(int)
    assert env.jobs() == []


def test_gpus_are_handed_out_by_number(root: str) -> None:
    env = SubmissionEnvironment("Local", root=root, slots=2, gpus=2)

    def visible(_: int) -> str:
        import os
        import time

        time.sleep(0.3)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    one_each = env.options(gpu_count=1).map_submit(visible, range(4)).results(60)
    assert sorted(one_each) == ["0", "0", "1", "1"]
    assert env.options(gpu_count=2).submit(visible, 0).result(60) == "0,1"


def test_two_clients_share_one_pool(env: SubmissionEnvironment, root: str) -> None:
    job = env.options(vcpu_count=2).submit(__import__("time").sleep, 3)
    other = SubmissionEnvironment("Local", root=root)
    second = other.submit(int)
    assert str(second.status) == "Active"
    with pytest.raises(ProviderError, match="has 2 slots and 0 GPUs and jobs in progress"):
        SubmissionEnvironment("Local", root=root, slots=5).submit(int)
    job.abort()
    assert second.result(30) == 0
