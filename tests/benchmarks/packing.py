"""Packing a function that lives in a project of many files: the first time, unchanged, and after an edit."""

from __future__ import annotations

import importlib
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
    topic = f"H. Packing a project of {_FILES} files"
    announce("packing")
    what = {"unchanged": "unchanged", "edited": "one file edited", "first": "first time"}
    try:
        samples = bench.measure("packing:packing")
    except NotMeasured as problem:
        yield Figure(topic=topic, what="unchanged", unit="s", at_most=_AT_MOST, note=str(problem))
        return
    for name, title in what.items():
        limit = _AT_MOST if name == "unchanged" else None
        yield of_samples(samples[name], topic=topic, what=title, unit="s", at_most=limit)
