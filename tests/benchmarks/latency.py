"""One call and its result: warm, and with no agent running."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

from isolated import Bench, NotMeasured
from report import Figure, number, of_samples
from systems import TITLES, module

_CALLS = 200
_WARM_UPS = 5
_SYSTEMS = {"ours": 5.0, "process_pool": None, "dask_cluster": None, "parsl_htex": None}
"""Which are measured, and the milliseconds that are to be enough."""
_FIRST_CALLS = 3


def warm(directory: str, cpus: int, system: str) -> list[float]:
    """Milliseconds of each of many calls, one after the other."""
    with module(system).started(directory, cpus) as running:
        for element in range(_WARM_UPS):
            running.call(element)
        return [_milliseconds(running.call) for _ in range(_CALLS)]


def first(directory: str, cpus: int) -> list[float]:
    """Seconds of the first call in a fresh root, without and with the import of remotebatch."""
    start = time.perf_counter()
    ours = module("ours")
    imported = time.perf_counter()
    with ours.started(directory, cpus) as running:
        running.call(0)
        end = time.perf_counter()
    return [end - imported, end - start]


def _milliseconds(call: Callable[[int], int]) -> float:
    start = time.perf_counter()
    call(1)
    return (time.perf_counter() - start) * 1000


def warm_figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = f"B. {_CALLS} warm calls"
    for system, target in _SYSTEMS.items():
        title = TITLES[system]
        announce(f"warm calls: {title}")
        try:
            samples = bench.measure("latency:warm", system=system)
        except NotMeasured as problem:
            yield Figure(topic=topic, what=title, unit="ms", at_most=target, note=str(problem))
            continue
        p95 = statistics.quantiles(samples, n=20)[-1]
        note = f"p95 {number(p95)} ms"
        yield of_samples(samples, topic=topic, what=title, unit="ms", at_most=target, note=note)


def first_figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = f"C. First call, {_FIRST_CALLS} times"
    what = "remotebatch Local"
    announce("first calls")
    try:
        pairs = [bench.measure("latency:first") for _ in range(_FIRST_CALLS)]
    except NotMeasured as problem:
        yield Figure(topic=topic, what=what, unit="s", at_most=1.0, note=str(problem))
        return
    calls, with_import = zip(*pairs)
    yield of_samples(calls, topic=topic, what=what, unit="s", at_most=1.0)
    yield of_samples(with_import, topic=topic, what="… with import remotebatch", unit="s")
