"""``python -m package.module``: a project of two packages, run here and in a task."""

from __future__ import annotations

from tests.contexts.conftest import Run

FILES = {
    "app/__init__.py": "",
    "app/rules.json": '{"limit": 3}',
    "app/rules.py": """\
import importlib.resources
import json

def limit():
    return json.loads(importlib.resources.files(__package__).joinpath("rules.json").read_text())["limit"]

def check(number):
    if number > limit():
        raise ValueError(f"{number} is over the limit")  # said here
    return number
""",
    "shared/__init__.py": "from .words import word",
    "shared/words.py": """\
from pathlib import Path

def word(number):
    return (Path(__file__).parent / "data" / "words.txt").read_text().split()[number]
""",
    "shared/data/words.txt": "zero one two three",
    "app/main.py": """\
import multiprocessing
import os
import sys
import traceback

import shared

from . import rules
from .rules import check

def describe(number):
    from .rules import limit
    return shared.word(check(number)), limit(), __package__, os.path.basename(sys.argv[0])

def outer(number):
    return describe(
        number
    )

def spread(numbers):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(describe, numbers)

def plain(function, *args):
    try:
        return function(*args)
    except ValueError as error:
        lines = traceback.format_exception(type(error), error, error.__traceback__.tb_next)
        return "".join(lines)

def there(function, *args):
    job = env.submit(function, *args).wait(60)
    return job.result() if job.succeeded else job.error_log()

if __name__ == "__main__":
    call = plain
    if "ROOT" in os.environ and "there" in sys.argv:
        import remotebatch
        env = remotebatch.SubmissionEnvironment("Local", root=os.environ["ROOT"], slots=2)
        call = there
    print(call(outer, 2))
    print(call(rules.check, 1))
    print(call(spread, [0, 1]))
    print(call(outer, 9))
    print(call(rules.check, 8))
""",
}


def test_a_module_of_a_package(run: Run) -> None:
    here = run(["-m", "app.main"], FILES)
    assert "('two', 3, 'app', 'main.py')" in here
    assert "said here" in here
    assert run(["-m", "app.main", "there"]) == here


def test_a_module_that_nothing_else_imports(run: Run) -> None:
    module = """\
import multiprocessing
import os
import remotebatch
from . import work

def double(number):
    return 2 * number

def spread(numbers):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(double, numbers)

if __name__ == "__main__":
    env = remotebatch.SubmissionEnvironment("Local", root=os.environ["ROOT"], slots=2)
    print(spread([1]), env.submit(spread, [1]).result(60))
    print(work.spread([-1]), env.submit(work.spread, [-1]).result(60))
"""
    work = """\
import multiprocessing

def spread(numbers):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(abs, numbers)
"""
    files = {"alone/__init__.py": "", "alone/main.py": module, "alone/work.py": work}
    assert run(["-m", "alone.main"], files) == "[2] [2]\n[1] [1]\n"


def test_a_package_with_a_main_module(run: Run) -> None:
    program = FILES["app/main.py"].replace(
        "    print(call(spread", "    # here, too, it waits for ever: call(spread"
    )
    files = {**FILES, "app/__main__.py": program}
    here = run(["-m", "app"], files)
    assert run(["-m", "app", "there"]) == here


def test_a_script_within_a_package(run: Run) -> None:
    files = {
        "tool.py": FILES["app/main.py"].replace("from . import", "from app import").replace(" .", " app."),
        **FILES,
    }
    here = run(["tool.py"], files)
    assert run(["tool.py", "there"]) == here
