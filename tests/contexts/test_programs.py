"""Programs that are no script file: their functions, classes, tracebacks and child processes."""

from __future__ import annotations

import zipapp
from pathlib import Path

from tests.contexts.conftest import ENVIRONMENT, Run

DEFINITIONS = """
class Point:
    def __init__(self, x):
        self.x = x

class Failed(Exception):
    pass

FACTOR = 2

def double(point):
    if point.x < 0:
        raise Failed(point.x)
    return Point(FACTOR * point.x)

def forked(number):
    import multiprocessing, pickle
    assert type(pickle.loads(pickle.dumps(Point(1)))) is Point
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(double, [Point(number)])
"""

USE = """
result = env.submit(double, Point(2)).result(60)
print(isinstance(result, Point), result.x)
print([type(point) is Point and point.x for point in env.submit(forked, 5).result(60)])
try:
    env.submit(double, Point(-1)).result(60)
except Failed as error:
    print("caught", error)
"""

EXPECTED = "True 4\n[10]\ncaught -1\n"


def test_python_c(run: Run) -> None:
    assert run(["-c", ENVIRONMENT + DEFINITIONS + USE]) == EXPECTED


def test_standard_input(run: Run) -> None:
    assert run(["-"], stdin=ENVIRONMENT + DEFINITIONS + USE) == EXPECTED
    assert run([], stdin=ENVIRONMENT + DEFINITIONS + USE) == EXPECTED


def test_executed_code(run: Run) -> None:
    script = f"""{ENVIRONMENT}
source = {DEFINITIONS!r}
exec(source)
{USE}
namespace = {{"__name__": "a_plugin"}}
exec(compile(source, "<a plugin>", "exec"), namespace)
job = env.submit(namespace["double"], namespace["Point"](-3)).wait(60)
result = env.submit(namespace["double"], namespace["Point"](3)).result(60)
print(isinstance(result, namespace["Point"]), result.x)
print('File "<a plugin>", line 13, in double' in job.error_log())
"""
    assert run(["main.py"], {"main.py": script}) == EXPECTED + "True 6\nTrue\n"


def test_zip_application(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inside" / "data").mkdir(parents=True)
    (source / "inside" / "__init__.py").write_text(
        "import importlib.resources\n"
        "def read():\n"
        '    return importlib.resources.files("inside").joinpath("data/word.txt").read_text()\n'
        "def fail():\n"
        "    raise ValueError(read())\n"
    )
    (source / "inside" / "data" / "word.txt").write_text("from the archive")
    program = f"""{ENVIRONMENT}{DEFINITIONS}{USE}
import inside
def through_main():
    return inside.read().upper()
print(env.submit(inside.read).result(60), env.submit(through_main).result(60))
job = env.submit(inside.fail).wait(60)
print("app.pyz/inside/__init__.py" in job.error_log(), "raise ValueError(read())" in job.error_log())
"""
    (source / "__main__.py").write_text(program)
    zipapp.create_archive(source, tmp_path / "app.pyz")
    printed = run(["app.pyz"])
    assert printed == EXPECTED + "from the archive FROM THE ARCHIVE\nTrue True\n"


def test_a_second_run_of_the_script_finds_its_own_classes_in_stored_results(run: Run) -> None:
    script = f"""{ENVIRONMENT}{DEFINITIONS}
import sys
if len(sys.argv) == 1:
    job = env.submit(lambda: [Point(7), double, Point])
    job.wait(60)
    print(job.id)
else:
    point, function, cls = env.job(sys.argv[1]).result(60)
    print(type(point) is Point, point.x, function is double, cls is Point)
"""
    job = run(["main.py"], {"main.py": script}).strip()
    assert run(["main.py", job]) == "True 7 True True\n"
    edited = script.replace("self.x = x", "self.x = x + 1")
    assert run(["main.py", job], {"main.py": edited}) == "False 7 True False\n"
    other = (
        f"{ENVIRONMENT}\npoint, function, _ = env.job({job!r}).result(60)\nprint(point.x, function(point).x)"
    )
    assert run(["-c", other]) == "7 14\n"


def test_a_result_does_not_change_what_is_here(run: Run) -> None:
    script = f"""{ENVIRONMENT}
class Counted:
    count = 0
    def __init__(self):
        Counted.count += 1
def work():
    Counted()
    return Counted(), Counted
made, cls = env.submit(work).result(60)
print(Counted.count, made.count, cls is Counted)
"""
    assert run(["main.py"], {"main.py": script}) == "0 0 True\n"
