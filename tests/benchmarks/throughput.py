"""Many no-op tasks, from submission to all results."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

from isolated import Bench, NotMeasured
from report import Figure, of_samples
from systems import TITLES, module

_SUBMITIT_TASKS = 10
_TARGETS = {
    "fork_loop": 0.6,
    "fork_loop_serial": None,
    "dask_cluster": 1.0,
    "parsl_htex": None,  # beyond what a fork for each task can reach: see the ceilings
    "parsl_htex_plain": None,
}
"""What remotebatch's throughput is to be of another's, at least."""


def seconds(directory: str, cpus: int, system: str, tasks: int) -> float:
    """Start a system, warm it up with one call, and time the tasks."""
    with module(system).started(directory, cpus) as running:
        running.call(0)
        start = time.perf_counter()
        values = running.map(tasks)
        duration = time.perf_counter() - start
    if values != list(range(tasks)):
        raise RuntimeError("not all results are right")
    return duration


def figures(bench: Bench, tasks: int, rounds: int, announce: Callable[[str], None]) -> Iterator[Figure]:
    """Rounds go by turns through the systems, for the machine drifts."""
    topic = f"A. {tasks:,} no-op tasks"
    rates: dict[str, list[float]] = defaultdict(list)
    problems: dict[str, str] = {}
    for turn in range(rounds):
        for system, title in TITLES.items():
            if system in problems:
                continue
            announce(f"round {turn + 1} of {rounds}: {title}")
            count = min(tasks, _SUBMITIT_TASKS) if system == "submitit_local" else tasks
            try:
                rates[system].append(count / bench.measure("throughput:seconds", system=system, tasks=count))
            except NotMeasured as problem:
                problems[system] = str(problem)
    for system, title in TITLES.items():
        if system in problems:
            yield Figure(topic=topic, what=title, note=problems[system])
        else:
            note = f"with {_SUBMITIT_TASKS} tasks" if system == "submitit_local" else ""
            yield of_samples(rates[system], topic=topic, what=title, unit="tasks/s", note=note)
    for system, target in _TARGETS.items():
        what = f"ours ÷ {TITLES[system]}"
        if "ours" in problems or system in problems:
            yield Figure(topic=topic, what=what, unit="×", at_least=target)
        else:
            ratios = [mine / other for mine, other in zip(rates["ours"], rates[system])]
            ratio = statistics.median(rates["ours"]) / statistics.median(rates[system])
            note = f"medians: {ratio:.2f}"
            yield of_samples(ratios, topic=topic, what=what, unit="×", at_least=target, note=note)
    yield from _ceilings(topic, rates)


def _ceilings(topic: str, rates: dict[str, list[float]]) -> Iterator[Figure]:
    """How the fork loop itself fares: no system that forks for each task gets beyond that."""
    for system in ("dask_cluster", "parsl_htex"):
        ratios = [mine / other for mine, other in zip(rates["fork_loop"], rates[system])]
        if ratios:
            what = f"bare os.fork loop ÷ {TITLES[system]}"
            yield of_samples(ratios, topic=topic, what=what, unit="×", note="the ceiling of the ratio above")
