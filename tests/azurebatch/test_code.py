"""The user's own packages work in containers as they do here, each task importing them by name.

Each test writes a small project and runs its script as a user would. The script runs a function here and in a
task, and prints both results.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from azurebatch_emulator import Emulator
from tests.azurebatch.conftest import POOL

TIMEOUT = 120.0

PROJECT = {
    "model/__init__.py": """
import decimal
from importlib import import_module
decimal.getcontext().prec = 5
REGISTRY = {}
def register(function):
    REGISTRY[function.__name__] = function
    return function
import_module("model.operations")
""",
    "model/operations.py": """
from model import register
@register
def double(x): return 2 * x
@register
def half(x): return x / 2
""",
    "model/settings.py": """
import threading
DEBUG = False
lock = threading.Lock()
def configure(value):
    global DEBUG
    with lock:
        DEBUG = value
""",
    "model/data/table.csv": "1,2\n3,4\n",
    "model/reading.py": """
from functools import lru_cache, singledispatch
from importlib import resources
from pathlib import Path
@lru_cache
def table():
    return (resources.files("model") / "data" / "table.csv").read_text()
def beside():
    return (Path(__file__).parent / "data" / "table.csv").read_text()
@singledispatch
def kind(value): return "something"
@kind.register
def _(value: int): return "a number"
""",
    "helper.py": "from model import settings\ndef debug(): return settings.DEBUG\n",
}
PRELUDE = """
import os
import remotebatch
env = remotebatch.SubmissionEnvironment("AzureBatch", pool_id=os.environ["POOL"]).options(
    container_image=os.environ["IMAGE"])
def compare(function, *args):
    here, there = function(*args), env.submit(function, *args).result(60)
    print(here, there, sep="\\n")
    assert here == there
"""


class Project:
    """A directory of the user's own modules, with a script in it."""

    def __init__(self, directory: Path, image: str) -> None:
        self.directory = directory
        self._variables = {**os.environ, "POOL": POOL, "IMAGE": image}
        for name, text in PROJECT.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        """Write one of its files."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, script: str) -> list[str]:
        """Run a script; return the lines that it prints."""
        self.write("main.py", PRELUDE + script)
        completed = subprocess.run(
            [sys.executable, "main.py"],
            cwd=self.directory,
            env=self._variables,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout.splitlines()


@pytest.fixture
def project(account: Emulator, matching_image: str, tmp_path: Path) -> Project:
    """The project, run where the emulator's variables are set."""
    return Project(tmp_path / "project", matching_image)


def test_what_a_module_does_when_it_is_imported(project: Project) -> None:
    shown = project.run("""
from decimal import Decimal
from model import REGISTRY, settings
import helper
def state():
    settings.configure(True)
    return str(Decimal(1) / 3), sorted(REGISTRY), REGISTRY["double"](21), helper.debug(), settings.DEBUG
compare(state)
""")
    assert shown[0] == "('0.33333', ['double', 'half'], 42, True, True)"


def test_data_files_and_caches(project: Project) -> None:
    shown = project.run("""
from model import reading
def read():
    return reading.table(), reading.table(), reading.beside(), reading.table.cache_info().hits > 0
compare(read)
compare(reading.kind, 1)
""")
    assert shown[0] == repr((*[PROJECT["model/data/table.csv"]] * 3, True))
    assert shown[2:] == ["a number", "a number"]


def test_an_initializer_sets_the_state_of_a_module(project: Project) -> None:
    shown = project.run("""
from model import settings
import helper
def debug(_): return helper.debug()
print(env.map_submit(debug, range(3), initializer=lambda: settings.configure(7)).results(60))
""")
    assert shown == ["[7, 7, 7]"]


def test_classes_of_the_script_are_pickled_by_name(project: Project) -> None:
    shown = project.run("""
import pickle
from dataclasses import dataclass
@dataclass
class Point:
    x: int
def copy(point):
    again = pickle.loads(pickle.dumps(point))
    return type(again) is Point, type(point) is Point, b"__main__" in pickle.dumps(point)
compare(copy, Point(3))
compare(Point, 4)
""")
    assert shown == ["(True, True, True)"] * 2 + ["Point(x=4)"] * 2


def test_a_traceback_shows_files_lines_and_source_of_here(project: Project) -> None:
    project.write("broken.py", "def fail(x):\n    # below is line 3\n    return 1 / x\n")
    shown = project.run("""
import broken
job = env.submit(broken.fail, 0).wait(60)
print(job.error_log())
""")
    assert f'  File "{project.directory}/broken.py", line 3, in fail' in shown
    assert "    return 1 / x" in shown


def test_queued_tasks_keep_the_code_of_their_submission(project: Project) -> None:
    project.write("answer.py", "def answer(_): return 1\n")
    script = """
import answer, pathlib
job = env.map_submit(answer.answer, range(6))
pathlib.Path("answer.py").write_text("def answer(_): return 2\\n")
print(job.results(60))
"""
    assert project.run(script) == ["[1, 1, 1, 1, 1, 1]"]
    assert project.run("import answer\nprint(env.submit(answer.answer, 0).result(60))") == ["2"]
