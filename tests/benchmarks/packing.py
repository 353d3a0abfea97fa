"""A user's own modules: packing a project of many files, and the rate of tasks that import a package."""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from isolated import Bench, NotMeasured
from report import Figure, of_samples

_FILES = 500
_PACKAGES = 10
_ROUNDS = 20
_AT_MOST = 0.2
_TASKS = 2000
_MODULES = 10
_TURNS = 3
_AT_LEAST = 0.9
_SETTLED = 2.5
"""Seconds after which a file that has been written is taken to be unchanged by its time alone."""
_MODULE = """
import collections.abc, json, os, re, sys
from dataclasses import dataclass

LIMIT = 3
NAME = "project"

@dataclass
class Point:
    x: int
    y: int = LIMIT
"""


def packing(directory: str, cpus: int) -> dict[str, list[float]]:
    """Seconds to pack a function of a project whose modules are all loaded."""
    from remotebatch.packing.call import pack_call

    root = Path(directory, "project")
    _write(root / "project")
    sys.path.insert(0, str(root))
    function = importlib.import_module("project").work

    def pack() -> float:
        start = time.perf_counter()
        pack_call(function, [((1,), {})]).inputs.close()
        return time.perf_counter() - start

    first = pack()
    time.sleep(_SETTLED)
    pack()
    unchanged = [pack() for _ in range(_ROUNDS)]
    (root / "project/package0/module0.py").write_text(_MODULE)
    return {"first": [first], "unchanged": unchanged, "edited": [pack()]}


def rates(directory: str, cpus: int) -> list[float]:
    """The rate of a function in a package, as a multiple of that of a lambda, turn by turn."""
    from systems.ours import environment

    root = Path(directory, "project")
    (root / "project").mkdir(parents=True)
    (root / "project/__init__.py").write_text("")
    for number in range(_MODULES):
        following = f"from project import module{number + 1}\n" if number + 1 < _MODULES else ""
        functions = "".join(f"def function{place}(x): return x + {place}\n" for place in range(30))
        (root / f"project/module{number}.py").write_text(_MODULE + following + functions)
    sys.path.insert(0, str(root))
    own = importlib.import_module("project.module0").function1
    with environment(directory, cpus) as local:
        local.submit(abs, -1).result()

        def rate(function: Callable[[int], int]) -> float:
            start = time.perf_counter()
            if local.map_submit(function, range(_TASKS)).results() != list(range(1, _TASKS + 1)):
                raise RuntimeError("not all results are right")
            return _TASKS / (time.perf_counter() - start)

        return [rate(own) / rate(lambda x: x + 1) for _ in range(_TURNS)]


def _write(project: Path) -> None:
    loaded = []
    for package in range(_PACKAGES):
        folder = project / f"package{package}"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        for module in range(_FILES // _PACKAGES - 1):
            functions = "".join(f"def function{number}(x): return x + {number}\n" for number in range(20))
            (folder / f"module{module}.py").write_text(_MODULE + functions)
            loaded.append(f"import project.package{package}.module{module}\n")
    (project / "__init__.py").write_text("".join(loaded) + "def work(x): return x\n")


def figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = f"H. A user's own modules: packing {_FILES} files, running {_TASKS:,} tasks"
    announce("packing")
    what = {
        "unchanged": "packing, unchanged",
        "edited": "packing, one file edited",
        "first": "packing, first time",
    }
    try:
        samples = bench.measure("packing:packing")
    except NotMeasured as problem:
        yield Figure(topic=topic, what=what["unchanged"], unit="s", at_most=_AT_MOST, note=str(problem))
    else:
        for name, title in what.items():
            limit = _AT_MOST if name == "unchanged" else None
            yield of_samples(samples[name], topic=topic, what=title, unit="s", at_most=limit)
    title = f"a package of {_MODULES} modules ÷ a lambda"
    announce(title)
    try:
        ratios = bench.measure("packing:rates")
    except NotMeasured as problem:
        yield Figure(topic=topic, what=title, unit="×", at_least=_AT_LEAST, note=str(problem))
    else:
        note = f"median of {_TURNS}: {statistics.median(ratios):.2f}"
        yield of_samples(ratios, topic=topic, what=title, unit="×", at_least=_AT_LEAST, note=note)
