"""What waiting costs while nothing happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from isolated import Bench, NotMeasured
from report import Figure

_SECONDS = 5.0
_UNMEASURABLE = 0.02
"""CPU seconds: two ticks of the clock that /proc counts in."""


def wait(directory: str, cpus: int) -> dict[str, float]:
    """CPU seconds of client and agent during a wait for a job that sleeps."""
    from systems import ours

    from remotebatch import JobStatus

    with ours.environment(directory, cpus) as local:
        job = local.submit(time.sleep, 2 * _SECONDS)
        while job.status is not JobStatus.RUNNING:
            time.sleep(0.01)
        time.sleep(0.5)  # what starting it left to be done
        processes = {"client": [os.getpid()], "agent": _tree(ours.agent_pid(local))}
        before = {name: _cpu_seconds(pids) for name, pids in processes.items()}
        try:
            job.wait(_SECONDS)
        except TimeoutError:
            pass
        return {name: _cpu_seconds(pids) - before[name] for name, pids in processes.items()}


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    children = [
        int(child)
        for listing in Path(f"/proc/{pid}/task").glob("*/children")
        for child in listing.read_text().split()
    ]
    return [pid, *(member for child in children for member in _tree(child))]


def _cpu_seconds(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = f"E. CPU in an idle wait of {_SECONDS:.0f} s"
    announce("an idle wait")
    try:
        found = bench.measure("idle:wait")
    except NotMeasured as problem:
        yield Figure(topic=topic, what="client and agent", unit="s", at_most=_UNMEASURABLE, note=str(problem))
        return
    for name, what in (("client", "client"), ("agent", "agent and its kernels")):
        yield Figure(
            topic=topic,
            what=what,
            unit="s",
            value=found[name],
            at_most=_UNMEASURABLE,
        )
