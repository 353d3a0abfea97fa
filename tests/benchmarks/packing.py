"""A user's own modules: packing a project of many files, and the rate of tasks that import a package."""

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


def rates(directory: str, cpus: int, first_line: str = "") -> list[float]:
    """The rate of a function in a package, as a multiple of that of a lambda, turn by turn.

    :param first_line: what each of the package's modules begins with.
    """
    from systems.ours import environment

    root = Path(directory, "project")
    (root / "project").mkdir(parents=True)
    (root / "project/__init__.py").write_text("")
    for number in range(_MODULES):
        following = f"from project import module{number + 1}\n" if number + 1 < _MODULES else ""
        functions = "".join(f"def function{place}(x): return x + {place}\n" for place in range(30))
        (root / f"project/module{number}.py").write_text(first_line + _MODULE + following + functions)
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


def second_submission(directory: str, cpus: int) -> float:
    """Bytes of code that are stored when the same function is submitted again."""
    from systems.ours import environment

    root = Path(directory, "project")
    _write(root / "project")
    sys.path.insert(0, str(root))
    function = importlib.import_module("project").work
    with environment(directory, cpus) as local:
        local.submit(function, 1).result()
        before = _stored(Path(directory, "root"))
        local.submit(function, 1).result()
        return float(
            sum(size for file, size in _stored(Path(directory, "root")).items() if file not in before)
        )


def _stored(root: Path) -> dict[tuple[str, int, int], int]:
    """Stored code: each file, as it was when it was written → its bytes."""
    objects = root / "blobs/remotebatch-objects"
    found = [path for kind in ("code", "functions") for path in (objects / kind).rglob("*")]
    files = [(str(path), path.stat()) for path in found if path.suffix != ".pyc" and path.is_file()]
    return {(name, status.st_ino, status.st_mtime_ns): status.st_size for name, status in files}


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
    title = "code stored by a second submission"
    announce(title)
    try:
        stored = bench.measure("packing:second_submission")
    except NotMeasured as problem:
        yield Figure(topic=topic, what=title, unit="B", at_most=0, note=str(problem))
    else:
        yield Figure(topic=topic, what=title, unit="B", value=stored, at_most=0)
    for title, first_line, limit in (
        (f"a package of {_MODULES} modules ÷ a lambda", "", _AT_LEAST),
        ("the same, if each task must import it", "import time\nSTARTED = time.time()\n", None),
    ):
        announce(title)
        try:
            ratios = bench.measure("packing:rates", first_line=first_line)
        except NotMeasured as problem:
            yield Figure(topic=topic, what=title, unit="×", at_least=limit, note=str(problem))
        else:
            yield of_samples(ratios, topic=topic, what=title, unit="×", at_least=limit)
