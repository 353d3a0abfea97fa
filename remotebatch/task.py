"""What a task knows of itself, and its random numbers. All of it works outside of tasks too."""

# Where remotebatch is not installed in the task's Python, the kernel serves this very file. So it needs the
# standard library alone, and stays within the syntax of the oldest Python that the kernel runs on.

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

__all__ = ["attempt", "index", "job_id", "output_directory", "rng", "seed", "vcpu_count"]

_BELOW = 2**32
_STEP = 0x9E3779B1
"""Odd, so that no two elements of a job get the same number."""
_generators: dict[tuple[int, int], Generator] = {}
_unseeded: dict[int, int] = {}  # process id → where its random numbers come from


def index() -> int:
    """Index of the element that is being evaluated, from 0, in the order of the mapped iterables.

    :returns: also within a child that evaluates several elements; in the initializer, that of the child's
        first element; 0 for a single job, and outside of a task.
    """
    variables = os.environ
    return int(variables.get("REMOTEBATCH_ELEMENT_INDEX") or variables.get("REMOTEBATCH_TASK_INDEX") or 0)


def job_id() -> str | None:
    """Id of the job, as ``job.id`` gives it; None outside of a task."""
    return os.environ.get("REMOTEBATCH_JOB_ID")


def attempt() -> int:
    """Number of the task's attempt, from 1; 1 outside of a task.

    On AzureBatch a node counts the retries that Azure makes there by itself.
    """
    return int(os.environ.get("REMOTEBATCH_ATTEMPT") or 1)


def vcpu_count() -> int:
    """The task's ``vcpu_count``; outside of any task, the CPUs that this process may use."""
    setting = os.environ.get("REMOTEBATCH_VCPU_COUNT")
    return int(setting) if setting else len(os.sched_getaffinity(0))


def output_directory() -> Path:
    """The task's ``JobOutput``: what is written there is stored with the job. It is made if it is missing.

    :returns: an absolute path; outside of a task, of ``JobOutput`` in the current directory.
    :raises OSError: if it cannot be made.
    """
    from pathlib import Path

    directory = Path(os.environ.get("REMOTEBATCH_OUTPUT_DIRECTORY") or "JobOutput").absolute()
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def rng() -> Generator:
    """The element's own random numbers: a numpy Generator, the same object at each call.

    It is made of the job's ``seed`` and the element's index: for a job with that seed it gives what
    ``numpy.random.default_rng(numpy.random.SeedSequence(seed).spawn(n)[index])`` gives, whatever the
    chunksize, the node, and the attempt.

    Outside of a task, and in a process that the task itself has started, it is unseeded, and each process
    has one of its own. Give such a process one of ``rng().spawn(n)`` for numbers that can be reproduced.

    :raises ModuleNotFoundError: if numpy is not installed here.
    """
    try:
        from numpy.random import SeedSequence, default_rng
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise ModuleNotFoundError(
            "remotebatch.task.rng() needs numpy, which is not installed here: install it, choose a "
            "container_image that has it, or seed another generator with remotebatch.task.seed()",
            name="numpy",
        ) from None
    origin = _origin()
    generator = _generators.get(origin)
    if generator is None:
        entropy, stream = origin
        made = default_rng(SeedSequence(entropy, spawn_key=(stream,)))
        generator = _generators.setdefault(origin, made)  # in one step: all threads get the same
        for other in list(_generators):
            if other != origin:
                _generators.pop(other, None)
    return generator


def seed() -> int:
    """The element's own number for generators other than numpy's, such as ``random.seed(task.seed())``.

    It is made of the job's ``seed`` and the element's index. No two elements of a job have the same.

    :returns: an integer from 0 to 2**32 - 1, the same at each call; outside of a task, and in a process that
        the task itself has started, one that is drawn once for each process.
    """
    from hashlib import sha256

    entropy, stream = _origin()
    first = int.from_bytes(sha256(str(entropy).encode()).digest()[:4], "big")
    return (first + stream * _STEP) % _BELOW


def _origin() -> tuple[int, int]:
    """What random numbers are made of: a job's seed, and the element's index."""
    seed, pid = os.environ.get("REMOTEBATCH_SEED"), os.getpid()
    # a task's process is unknown where the kernel does not run: there it is a command
    if seed and os.environ.get("REMOTEBATCH_PROCESS", str(pid)) == str(pid):
        return int(seed), index()
    drawn = _unseeded.get(pid)
    if drawn is None:
        drawn = _unseeded.setdefault(pid, int.from_bytes(os.urandom(16), "big"))
    return drawn, 0
