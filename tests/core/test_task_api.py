"""What a task knows of itself, in a task and outside of any."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import remotebatch
from remotebatch import Command, InvalidSetting, SubmissionEnvironment, task

TIMEOUT = 60


def test_outside_of_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (task.index(), task.attempt(), task.job_id()) == (0, 1, None)
    assert task.vcpu_count() == remotebatch.vcpu_count() == len(os.sched_getaffinity(0))
    assert task.output_directory() == tmp_path / "JobOutput"
    assert task.output_directory().is_dir()
    assert task.rng() is task.rng()
    assert task.seed() == task.seed()
    assert 0 <= task.seed() < 2**32


def test_outside_of_a_task_each_process_draws_its_own(tmp_path: Path) -> None:
    here = float(task.rng().random())
    with multiprocessing.get_context("fork").Pool(2) as pool:
        drawn = pool.map(draw_slowly, range(2), chunksize=1)
    assert len({here, *drawn}) == 3


def draw_slowly(_: int) -> float:
    import time

    time.sleep(0.3)  # so that each worker takes one
    return float(task.rng().random())


def test_what_a_task_knows(env: SubmissionEnvironment) -> None:
    def look() -> tuple[Any, ...]:
        from remotebatch import task

        (task.output_directory() / "report.txt").write_text("fine")
        os.chdir("/")
        return task.index(), task.attempt(), task.job_id(), task.vcpu_count(), task.output_directory().name

    job = env.options(vcpu_count=2).submit(look)
    assert job.result(TIMEOUT) == (0, 1, job.id, 2, "JobOutput")
    assert [file.name for file in job.output_files()] == ["report.txt"]


def test_a_missing_output_directory_is_made_in_the_tasks_own_place(env: SubmissionEnvironment) -> None:
    def write() -> None:
        import os
        import shutil

        from remotebatch import task

        if os.path.isdir("JobOutput"):
            shutil.rmtree("JobOutput")
        os.mkdir("elsewhere")
        os.chdir("elsewhere")
        (task.output_directory() / "late.txt").write_text("fine")

    job = env.submit(write).wait(TIMEOUT)
    assert [file.name for file in job.output_files()] == ["late.txt"], job.error_log()


@pytest.mark.parametrize("chunksize", [1, 3, 20])
def test_each_element_has_its_own_index(env: SubmissionEnvironment, chunksize: int) -> None:
    array = env.map_submit(lambda _: remotebatch.task.index(), range(10, 17), chunksize=chunksize)
    assert list(array.results(timeout=TIMEOUT)) == list(range(7))


def test_an_attempt_has_its_number(env: SubmissionEnvironment) -> None:
    def succeed_at_last() -> int:
        if task.attempt() < 3:
            raise ValueError(task.attempt())
        return task.attempt()

    assert env.options(max_retries=2).submit(succeed_at_last).result(TIMEOUT) == 3


def test_processes_of_a_task_know_it_too(env: SubmissionEnvironment) -> None:
    def look(_: int) -> str:
        script = "from remotebatch import task; print(task.index(), task.job_id())"
        return subprocess.check_output([sys.executable, "-c", script], text=True).strip()

    array = env.map_submit(look, range(3), chunksize=2)
    assert list(array.results(timeout=TIMEOUT)) == [f"{index} {array.id}" for index in range(3)]


def test_a_command_knows_it_too(env: SubmissionEnvironment) -> None:
    script = "from remotebatch import task; print(task.index(), task.attempt(), task.rng().random())"
    array = env.options(seed=7).map_submit([Command([sys.executable, "-c", script])] * 2)
    printed = [done.stdout.split() for done in array.results(timeout=TIMEOUT)]
    assert printed == [[str(index), "1", str(expected(7, 2)[index])] for index in range(2)]


def expected(seed: int, count: int) -> list[float]:
    """The first numbers of each element, as numpy itself has them."""
    return [
        float(np.random.default_rng(child).random()) for child in np.random.SeedSequence(seed).spawn(count)
    ]


@pytest.mark.parametrize("chunksize", [1, 4])
@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_random_numbers_are_numpys(env: SubmissionEnvironment, seed: int, chunksize: int) -> None:
    array = env.options(seed=seed).map_submit(
        lambda _: float(remotebatch.task.rng().random()), range(6), chunksize=chunksize
    )
    assert list(array.results(timeout=TIMEOUT)) == expected(seed, 6)


def test_a_job_without_a_seed_gets_one_that_is_recorded(env: SubmissionEnvironment) -> None:
    def draw(_: object = None) -> tuple[float, int]:
        return float(task.rng().random()), task.seed()

    first, second = env.map_submit(draw, range(3)), env.map_submit(draw, range(3))
    drawn = list(first.results(timeout=TIMEOUT))
    assert len(set(drawn) | set(second.results(timeout=TIMEOUT))) == 6
    assert env.settings.seed is None
    seed = first.settings["seed"]
    assert env.job(first.id).settings["seed"] == seed
    assert [number for number, _ in drawn] == expected(seed, 3)
    again = env.options(seed=seed).map_submit(draw, range(3), chunksize=2)
    assert list(again.results(timeout=TIMEOUT)) == drawn
    assert env.options(seed=seed).submit(draw).result(TIMEOUT) == drawn[0]


def test_an_attempt_draws_what_the_one_before_it_drew(env: SubmissionEnvironment) -> None:
    def draw() -> float:
        drawn = float(task.rng().random())
        if task.attempt() == 1:
            print(drawn)
            raise ValueError
        return drawn

    job = env.submit(draw).wait(TIMEOUT)
    first = float(job.log())
    assert job.retry().result(TIMEOUT) == first


def test_one_generator_serves_all_calls_and_threads_of_an_element(env: SubmissionEnvironment) -> None:
    def draw(_: int) -> tuple[int, int]:
        barrier = threading.Barrier(8)

        def get(_: None) -> Any:
            barrier.wait()
            return task.rng()

        with ThreadPoolExecutor(8) as executor:
            generators = list(executor.map(get, repeat(None, 8)))
        return len(set(map(id, [*generators, task.rng()]))), len({task.rng().random() for _ in range(9)})

    assert list(env.map_submit(draw, range(4), chunksize=2).results(timeout=TIMEOUT)) == [(1, 9)] * 4


def test_the_initializer_and_the_elements_never_draw_the_same(env: SubmissionEnvironment) -> None:
    def prepare() -> None:
        os.environ["DRAWN"] = f"{task.index()} {task.rng().random()}"

    def draw(_: int) -> tuple[str, float]:
        return os.environ["DRAWN"], float(task.rng().random())

    array = env.options(seed=1).map_submit(draw, range(4), chunksize=2, initializer=prepare)
    drawn = list(array.results(timeout=TIMEOUT))
    starts = expected(1, 4)
    assert [text for text, _ in drawn] == [f"{start} {starts[start]}" for start in (0, 0, 2, 2)]
    assert [number == start for (_, number), start in zip(drawn, starts)] == [False, True, False, True]


def test_processes_that_a_task_starts_do_not_repeat_its_numbers(env: SubmissionEnvironment) -> None:
    def draw() -> list[tuple[float, int]]:
        script = "from remotebatch import task; print(task.rng().random(), task.seed())"
        started = [subprocess.check_output([sys.executable, "-c", script], text=True) for _ in range(2)]
        lines = [f"{task.rng().random()} {task.seed()}", *started]
        for _ in range(2):
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.write(writing, f"{task.rng().random()} {task.seed()}".encode())
                os._exit(0)
            os.wait()
            lines.append(os.read(reading, 1000).decode())
        return [(float(number), int(seed)) for number, seed in map(str.split, lines)]

    numbers, seeds = zip(*env.submit(draw).result(TIMEOUT))
    assert len(set(numbers)) == len(set(seeds)) == 5


def test_a_task_whose_record_has_no_seed_draws_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMOTEBATCH_JOB_ID", "a job from before there were seeds")
    monkeypatch.setenv("REMOTEBATCH_TASK_INDEX", "5")
    assert (task.index(), task.rng() is task.rng(), task.seed() == task.seed()) == (5, True, True)


def test_seeds_are_small_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    monkeypatch.setenv("REMOTEBATCH_SEED", "3")
    for index in range(20_000):
        monkeypatch.setenv("REMOTEBATCH_ELEMENT_INDEX", str(index))
        seeds.append(task.seed())
    assert len(set(seeds)) == 20_000  # 2**32 numbers drawn at random would have some of them twice
    assert min(seeds) >= 0
    assert max(seeds) < 2**32
    monkeypatch.setenv("REMOTEBATCH_SEED", "4")
    assert task.seed() not in seeds


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "1"])
def test_what_is_no_seed_is_refused(env: SubmissionEnvironment, seed: Any) -> None:
    with pytest.raises(InvalidSetting, match=r"seed=.*: expected an integer from 0 to 9223372036854775807"):
        env.options(seed=seed)
