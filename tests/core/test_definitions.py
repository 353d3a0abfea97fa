"""Functions bring what they use of their author's uninstalled modules; nodes have only Python.

Each test writes a small project, runs its script as a user would, and has the jobs evaluated by a
kernel that cannot see the project's directory.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = """
import threading
from pack import constants
from pack.deep.inner import shout

lock = threading.Lock()   # each task has its own

class HelperError(Exception):
    def __init__(self, code):
        super().__init__(f"code {code}")
        self.code = code

class Point:
    def __init__(self, x): self.x = x
    def doubled(self): return Point(constants.FACTOR * self.x)

def double(x): return constants.FACTOR * x
def fail(code): raise HelperError(code)
def is_point(value): return isinstance(value, Point)
def loud(text): return shout(text)
def late(text):
    from pack.deep import lazy
    return lazy.whisper(text)
"""

PROJECT = {
    "helpers.py": HELPERS,
    "pack/__init__.py": "",
    "pack/constants.py": "FACTOR = 2\n",
    "pack/deep/__init__.py": "",
    "pack/deep/inner.py": "def shout(text): return text.upper()\n",
    "pack/deep/lazy.py": "def whisper(text): return text.lower()\n",
}

PRELUDE = """
import sys
import remotebatch
env = remotebatch.SubmissionEnvironment("Local", root=sys.argv[1], slots=2)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def run(project: Path, root: str, script: str) -> str:
    (project / "main.py").write_text(PRELUDE + script)
    completed = subprocess.run(
        [sys.executable, "main.py", root], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


@pytest.mark.parametrize(
    ("imports", "call", "value"),
    [
        ("import helpers", "env.submit(helpers.double, 4)", "8"),
        ("from helpers import double", "env.submit(lambda x: double(x), 4)", "8"),
        ("import helpers", "env.submit(lambda x: helpers.double(x), 4)", "8"),
        ("import helpers", "env.submit(helpers.loud, 'hi')", "HI"),
        ("import helpers", "env.submit(helpers.late, 'HI')", "hi"),
        ("import pack.deep.inner", "env.submit(lambda t: pack.deep.inner.shout(t), 'hi')", "HI"),
        ("import helpers", "env.submit(helpers.is_point, helpers.Point(3))", "True"),
        ("import helpers", "env.submit(lambda p: p.doubled().x, helpers.Point(3))", "6"),
        ("from helpers import Point", "env.submit(Point(5).doubled)", None),
        ("from functools import partial; import helpers", "env.submit(partial(helpers.double, 21))", "42"),
    ],
)
def test_users_modules_travel(project: Path, root: str, imports: str, call: str, value: str | None) -> None:
    printed = run(
        project, root, f"{imports}\nresult = {call}.result(30)\nprint(getattr(result, 'x', result))\n"
    )
    assert printed.strip() == (value or "10")


def test_import_inside_the_function_finds_the_users_module(project: Path, root: str) -> None:
    script = """
def work(x):
    import helpers
    from pack.deep.inner import shout
    return shout("x" * helpers.double(x))
print(env.submit(work, 2).result(30))
"""
    assert run(project, root, script).strip() == "XXXX"


def test_users_exception_is_caught_by_its_class_also_in_another_process(project: Path, root: str) -> None:
    script = """
import helpers
job = env.submit(helpers.fail, 7)
try:
    job.result(30)
except helpers.HelperError as error:
    print(error.code, job.id)
"""
    code, job_id = run(project, root, script).split()
    assert code == "7"
    attach = f"""
import helpers
try:
    env.job({job_id!r}).result(30)
except helpers.HelperError as error:
    print("caught", error.code)
"""
    assert run(project, root, attach).strip() == "caught 7"


def test_values_of_users_classes_come_home_as_their_class(project: Path, root: str) -> None:
    script = """
import helpers
point = env.submit(lambda: helpers.Point(3)).result(30)
print(isinstance(point, helpers.Point), point.x)
"""
    assert run(project, root, script).strip() == "True 3"


def test_what_is_not_used_does_not_travel(project: Path, root: str) -> None:
    (project / "helpers.py").write_text(HELPERS + "\nimport remotebatch.cli\nbig = bytearray(50_000_000)\n")
    script = """
import os, helpers
job = env.submit(helpers.double, 1)
assert job.result(30) == 2
objects = f"{sys.argv[1]}/blobs/remotebatch-objects/functions"
print(max(os.path.getsize(f"{objects}/{name}") for name in os.listdir(objects)) < 10_000)
"""
    assert run(project, root, script).strip() == "True"


def test_unpicklable_global_is_named(project: Path, root: str) -> None:
    script = """
import socket
connection = socket.socket()
def work():
    return connection.recv(1)
try:
    env.submit(work)
except remotebatch.CannotSend as error:
    print(error)
"""
    printed = run(project, root, script)
    assert "function 'work' uses the global 'connection': connection (a socket) cannot be sent" in printed


def test_without_definitions_the_node_must_have_the_module(project: Path, root: str) -> None:
    script = """
import helpers
job = env.options(include_definitions=False).submit(helpers.double, 1).wait(30)
print(job.failure_type, "'helpers'" in job.status_reason)
"""
    assert run(project, root, script).strip() == "ModuleMissing True"


def test_traceback_shows_the_users_lines(project: Path, root: str) -> None:
    script = """
import helpers, traceback
try:
    env.submit(helpers.fail, 3).result(30)
except helpers.HelperError:
    traceback.print_exc(file=sys.stdout)
"""
    printed = run(project, root, script)
    assert "Remote traceback of task 10000000" in printed
    assert "def fail(code): raise HelperError(code)" in printed
