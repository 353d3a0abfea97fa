"""Notebooks, shells and test runners, whose code changes or has no file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.contexts.conftest import ENVIRONMENT, Run


def test_jupyter(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("ROOT", root)
    (tmp_path / "beside.py").write_text("def triple(number):\n    return 3 * number\n")
    cells = [
        ENVIRONMENT,
        "import beside\n"
        "class Point:\n    def __init__(self, x):\n        self.x = x\n"
        "def work(point):\n    return Point(beside.triple(point.x))",
        "first = env.submit(work, Point(2)).result(60)\n(isinstance(first, Point), first.x)",
        "def work(point):\n    return 1 / 0",
        "print(env.submit(work, Point(2)).wait(60).error_log())",
    ]
    v4: Any = nbformat.v4  # untyped
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    outputs = [cell["outputs"] for cell in notebook["cells"]]
    assert outputs[2][0]["data"]["text/plain"] == "(True, 6)"
    assert "line 2, in work\n    return 1 / 0\n" in outputs[4][0]["text"]


def test_ipython_with_autoreload(run: Run) -> None:
    script = f"""
import time
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def cell(text):
    shell.run_cell(text).raise_error()
cell("%load_ext autoreload\\n%autoreload 2")
cell({ENVIRONMENT!r})
cell("import helper\\nfrom helper import Thing, value\\nthing = Thing()")
cell("class Own:\\n    pass\\ndef own():\\n    return value(), thing.name(), helper.value(), Own()")
cell("print(env.submit(value).result(60), env.submit(own).result(60)[:3])")
time.sleep(1.1)
Path("helper.py").write_text(Path("helper.py").read_text().replace("first", "second edition"))
cell("print(env.submit(value).result(60), env.submit(own).result(60)[:3])")
cell("print(isinstance(env.submit(own).result(60)[3], Own))")
"""
    helper = (
        "def value():\n    return 'first'\nclass Thing:\n    def name(self):\n        return 'first thing'\n"
    )
    first = "first ('first', 'first thing', 'first')\n"
    printed = run(["main.py"], {"main.py": script, "helper.py": helper})
    assert printed.endswith(f"{first}{first.replace('first', 'second edition')}True\n")


def test_marimo(run: Run) -> None:
    notebook = """
import marimo

app = marimo.App()

@app.cell
def _():
    import os
    import beside
    import remotebatch
    env = remotebatch.SubmissionEnvironment("Local", root=os.environ["ROOT"], slots=2)
    FACTOR = 2
    return FACTOR, beside, env

@app.cell
def _(FACTOR, beside, env):
    class Point:
        def __init__(self, x):
            self.x = x

    def work(point):
        if point.x < 0:
            raise ValueError("negative")
        return Point(FACTOR * beside.triple(point.x))

    def forked(x):
        import multiprocessing, pickle
        assert type(pickle.loads(pickle.dumps(Point(1)))) is Point
        with multiprocessing.get_context("fork").Pool(1) as pool:
            return pool.map(work, [Point(x)])

    first = env.submit(work, Point(2)).result(60)
    print(isinstance(first, Point), first.x)
    print([type(point) is Point and point.x for point in env.submit(forked, 5).result(60)])
    print(env.submit(work, Point(-1)).wait(60).error_log())
    return

@app.function
def top(x):
    return 2 * x

@app.cell
def _(env):
    print(env.submit(top, 4).result(60))
    return

if __name__ == "__main__":
    app.run()
"""
    files = {"book.py": notebook, "beside.py": "def triple(number):\n    return 3 * number\n"}
    printed = run(["book.py"], files)
    assert printed.startswith("True 12\n[30]\n")
    assert 'book.py", line 23, in work\n    raise ValueError("negative")\n' in printed
    assert printed.endswith("\n8\n")


TESTS = """
import functools
import os
import pytest
import remotebatch
from helpers import scale

@pytest.fixture
def env():
    return remotebatch.SubmissionEnvironment("Local", root=os.environ["ROOT"], slots=2)

class Point:
    def __init__(self, x):
        self.x = x

def work(x):
    return Point(scale(x))

@functools.lru_cache
def cached(x):
    return work(x).x

def fail():
    assert scale(2) == 5, "rewritten"

def test_its_own_function(env):
    result = env.submit(work, 2).result(60)
    assert type(result) is Point and result.x == 6

def test_cached(env):
    assert env.submit(cached, 2).result(60) == 6

def test_inner_function(env, tmp_path):
    def inner(point):
        return Point(point.x + 1), tmp_path
    assert env.submit(inner, Point(1)).result(60)[0].x == 2

@pytest.mark.parametrize("x", [1])
def test_lambda(env, x):
    assert env.submit(lambda: work(x).x).result(60) == 3

def test_failure(env):
    with pytest.raises(AssertionError, match="rewritten"):
        env.submit(fail).result(60)
"""


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
@pytest.mark.parametrize("folder", ["checks", "checks/deep"])
def test_pytest(run: Run, mode: str, folder: str) -> None:
    files = {
        f"{folder}/test_mine.py": TESTS,
        "helpers.py": "def scale(x):\n    return 3 * x\n",
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }
    run(["-m", "pytest", "-q", f"--import-mode={mode}", "-p", "no:cacheprovider"], files)


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_pytest_with_packages_of_tests(run: Run, mode: str) -> None:
    files = {
        "checks/__init__.py": "",
        "checks/unit/__init__.py": "",
        "checks/unit/helpers.py": "def scale(x):\n    return 3 * x\n",
        "checks/unit/test_mine.py": TESTS.replace("from helpers", "from .helpers"),
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }
    run(["-m", "pytest", "-q", f"--import-mode={mode}", "-p", "no:cacheprovider"], files)
