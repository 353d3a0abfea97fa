"""Measure remotebatch beside its peers, in one run, and print a table.

    python tests/benchmarks/run.py [--only a,b,c,d,e,f,g,h] [--rounds N] [--tasks N] [--json FILE]

A peer that is not installed is reported as such (they are in the dependency group "bench"). The
exit code is 0 whether the targets are met or not: a figure depends on the machine and its load.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import azure_jobs
import emulator
import idle
import latency
import packing
import report
import scale
import throughput
from isolated import Bench
from systems.ours import stop_all

_TOPICS = "abcdefgh"
_PACKAGES = ("remotebatch", "cloudpickle", "distributed", "parsl", "submitit")


def main() -> None:
    options = _options()
    machine = _machine()
    start = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="rb-"))
    try:
        figures = list(_figures(Bench(directory, machine["cpus"]), options, _announcer()))
    finally:
        stop_all(directory)
        shutil.rmtree(directory, ignore_errors=True)
    machine["load_after"] = os.getloadavg()[0]
    title = (
        f"{machine['cpus']} CPUs, Python {machine['python']}, load {machine['load_before']:.1f} before and "
        f"{machine['load_after']:.1f} after, took {time.monotonic() - start:.0f} s"
    )
    report.show(figures, title)
    if options.json:
        rows = [asdict(figure) | {"met": figure.met} for figure in figures]
        options.json.write_text(json.dumps({"machine": machine, "figures": rows}, indent=2) + "\n")


def _figures(
    bench: Bench, options: argparse.Namespace, announce: Callable[[str], None]
) -> Iterator[report.Figure]:
    topics: dict[str, Callable[[], Iterator[report.Figure]]] = {
        "a": lambda: throughput.figures(bench, options.tasks, options.rounds, announce),
        "b": lambda: latency.warm_figures(bench, announce),
        "c": lambda: latency.first_figures(bench, announce),
        "d": lambda: scale.figures(bench, announce),
        "e": lambda: idle.figures(bench, announce),
        "f": lambda: emulator.figures(bench, announce),
        "g": lambda: azure_jobs.figures(bench, announce),
        "h": lambda: packing.figures(bench, announce),
    }
    for letter, figures in topics.items():
        if letter in options.only:
            yield from figures()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure remotebatch beside its peers.")
    topics = "a throughput, b warm call, c first call, d long array, e idle wait, f emulator, g AzureBatch, "
    topics += "h packing"
    parser.add_argument("--only", type=_topics, default=frozenset(_TOPICS), metavar="a,b,…", help=topics)
    parser.add_argument("--rounds", type=_positive, default=3, help="rounds of a (default 3)")
    parser.add_argument("--tasks", type=_positive, default=2000, help="tasks in a (default 2000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def _topics(text: str) -> frozenset[str]:
    chosen = frozenset(letter.strip().lower() for letter in text.split(","))
    if not chosen <= frozenset(_TOPICS):
        raise argparse.ArgumentTypeError(f"{text!r} names more than {', '.join(_TOPICS)}")
    return chosen


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _machine() -> dict[str, Any]:
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "versions": versions,
    }


def _announcer() -> Callable[[str], None]:
    """Says what is being measured, on a terminal."""
    if not sys.stderr.isatty():
        return lambda text: None
    return lambda text: print(f"… {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
