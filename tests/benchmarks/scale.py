"""A very long array, and a closure that holds much."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from isolated import Bench, NotMeasured
from noop import noop
from report import Figure, of_samples

_ELEMENTS = 100_000
_COUNTS = 20
_SHARED_BYTES = 10_000_000
_SHARED_CHILDREN = 100
_MARK_BYTES = 64
_MIB = 1 << 20


def long_array(directory: str, cpus: int) -> dict[str, float | list[float]]:
    """Submit a very long array, look at its counts, and take it away again, most of it not run."""
    from systems import ours

    with ours.environment(directory, cpus) as local:
        local.submit(noop, 0).result()
        before, start = _memory("VmRSS"), time.perf_counter()
        _forget_peak()
        array = local.map_submit(noop, range(_ELEMENTS))
        submitted = time.perf_counter() - start
        growth = _memory("VmHWM") - before
        counts = []
        for _ in range(_COUNTS):
            start = time.perf_counter()
            _ = array.counts
            counts.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        array.abort()
        array.delete()
        removed = time.perf_counter() - start
    return {"growth": growth, "submitted": submitted, "counts": counts, "removed": removed}


def shared_closure(directory: str, cpus: int) -> dict[str, float]:
    """Run an array whose function holds random bytes; look for them in all that is stored."""
    from systems import ours

    data = os.urandom(_SHARED_BYTES)
    with ours.environment(directory, cpus) as local:
        start = time.perf_counter()
        lengths = local.map_submit(lambda _: len(data), range(_SHARED_CHILDREN)).results()
        duration = time.perf_counter() - start
        if lengths != [len(data)] * _SHARED_CHILDREN:
            raise RuntimeError("not all results are right")
        contents = [path.read_bytes() for path in Path(directory, "root").rglob("*") if path.is_file()]
    copies = sum(content.count(data[:_MARK_BYTES]) for content in contents)
    return {"copies": copies, "stored": sum(map(len, contents)), "seconds": duration}


def _memory(field: str) -> float:
    """Of this process, in MiB: VmRSS is what it takes now, VmHWM the most it has taken."""
    # not ru_maxrss, which starts from what the parent took before the exec
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / _MIB


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = f"D. {_ELEMENTS:,} elements"
    announce(f"{_ELEMENTS:,} elements")
    try:
        found = bench.measure("scale:long_array")
    except NotMeasured as problem:
        yield Figure(topic=topic, what="client memory growth", unit="MiB", at_most=200.0, note=str(problem))
    else:
        yield Figure(
            topic=topic,
            what="client memory growth",
            unit="MiB",
            value=found["growth"],
            at_most=200.0,
        )
        yield Figure(topic=topic, what="map_submit", unit="s", value=found["submitted"])
        yield of_samples(
            found["counts"],
            topic=topic,
            what="arr.counts",
            unit="ms",
            at_most=10.0,
            note="as tasks run",
        )
        yield Figure(topic=topic, what="abort and delete", unit="s", value=found["removed"])

    topic = f"D. {_SHARED_BYTES // 10**6} MB for {_SHARED_CHILDREN} children"
    announce("a large closure")
    try:
        found = bench.measure("scale:shared_closure")
    except NotMeasured as problem:
        yield Figure(topic=topic, what="copies under the root", at_least=1.0, at_most=1.0, note=str(problem))
        return
    yield Figure(topic=topic, what="copies under the root", value=found["copies"], at_least=1.0, at_most=1.0)
    yield Figure(topic=topic, what="all that is stored", unit="MB", value=found["stored"] / 10**6)
    yield Figure(topic=topic, what="all results", unit="s", value=found["seconds"])
