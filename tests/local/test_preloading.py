"""What a function's module names is loaded once, before the fork, and kept."""

from __future__ import annotations

from pathlib import Path

import remotebatch
from remotebatch import SubmissionEnvironment

_TASKS = 600


def test_numpy_is_preloaded_for_the_tasks_own_generator(env: SubmissionEnvironment) -> None:
    def draw(_: int) -> tuple[float, bool]:
        import sys

        preloaded = "numpy.random" in sys.modules
        return float(remotebatch.task.rng().random()), preloaded

    numbers, preloaded = zip(*env.map_submit(draw, range(4)).results(60))
    assert len(set(numbers)) == 4
    assert all(preloaded)


def test_remotebatch_itself_is_preloaded(env: SubmissionEnvironment, root: str) -> None:
    """It opens nothing when it is imported, or the fork server would begin again without its preloading."""

    def work(_: int) -> tuple[int, int, bool]:
        import os

        with open(f"/proc/{os.getppid()}/cmdline", "rb") as command:
            arguments = command.read().split(b"\0")  # one that begins again leaves out what it was to load
        return remotebatch.vcpu_count(), os.getppid(), b"remotebatch" in arguments

    array = env.options(vcpu_count=2).map_submit(work, range(_TASKS))
    results = array.results(120)
    assert [count for count, _, _ in results] == [2] * _TASKS
    assert len({fork_server for _, fork_server, _ in results}) == 1
    assert all(loaded for _, _, loaded in results)
    log = Path(root, "agent.log").read_text()
    assert "what was loaded holds threads or files" not in log
    assert "fork server:" not in log
