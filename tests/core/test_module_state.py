"""A module's name that was set here, and is not what its source says, is warned of; nothing else is."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import remotebatch
from remotebatch import ModuleStateWarning
from remotebatch.packing.call import pack_call
from tests.support.projects import Project, forget_modules

Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write a module and import it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write_and_import(source: str, name: str = "config") -> ModuleType:
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield write_and_import
    forget_modules(tmp_path)


def warned(function: Callable[..., Any], initializer: Callable[[], Any] | None = None) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pack_call(function, [((), {})], initializer).inputs.close()
    assert all(warning.category is ModuleStateWarning for warning in caught)
    return [str(warning.message) for warning in caught]


USE = "\ndef use(): return N\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("N = 3", 10),
        ("N: int = 3  # so many", 10),
        ("N = 'a'", "b"),
        ("N = -1.5", 2.0),
        ("N = True", 1),
        ("N = None", object()),
        ("N = (1, 'x')", (1, "y")),
        ("N = 3", [1]),
    ],
)
def test_a_changed_literal_is_named(load: Load, line: str, value: Any) -> None:
    config = load(line + USE)
    assert warned(config.use) == []
    vars(config)["N"] = value
    (text,) = warned(config.use)
    assert "'use': config.N = " in text
    assert "initializer=" in text


@pytest.mark.parametrize(
    "source",
    [
        "N = 3\nN += 1",
        "N = 3\nN = 4",
        "N = 3\nfor N in range(5): pass",
        "N = 3\ndef configure():\n    global N\n    N = 4\nconfigure()",
        "N = 3\nif True:\n    N = 10",
        "N = 3\nfrom math import tau as N",
        "N = 3\nfrom math import *",
        "N = 3\nglobals()['N'] = 4",
        "N = 3\nimport sys\nsetattr(sys.modules[__name__], 'N', 4)",
        "N = 3\nclass N: pass",
        "N = 3\ntry: raise ValueError\nexcept ValueError as N: print(N)",
        "text = '''\nN = 3\n'''\nN = len(text)",
        "N = []\nN.append(1)",
    ],
)
def test_what_a_module_does_itself_is_no_alarm(load: Load, source: str) -> None:
    config = load(source + "\ndef use(): pass\n")
    assert warned(config.use) == []
    vars(config)["N"] = 10
    assert warned(config.use) == []


def test_locals_and_attributes_of_the_same_name_hide_nothing(load: Load) -> None:
    config = load("N = 3\nclass C:\n    N = 4\ndef use():\n    N = 5\n    return N\nx = [N for y in [1]]\n")
    vars(config)["N"] = 10
    assert len(warned(config.use)) == 1


def test_what_another_module_sets_when_it_is_imported_is_set_in_the_task_too(load: Load) -> None:
    config: Any = load("N = 3\n")
    other = load("import config\nconfig.N = 10\ndef use(): return config.N\n", "other")
    assert config.N == 10
    assert warned(other.use) == []


def test_what_the_task_sets_itself_is_no_alarm(load: Load) -> None:
    config: Any = load("N = 3" + USE)
    vars(config)["N"] = 10

    def initialize() -> None:
        config.N = 10

    def work() -> int:
        config.N = 10
        return int(config.use())

    assert warned(config.use, initialize) == []
    assert warned(work) == []
    assert len(warned(lambda: config.use())) == 1


SETTER = "N = 3\ndef set_n(n):\n    global N\n    N = n\ndef use(): return N\n"


def test_what_a_setter_was_called_with_here_is_named(load: Load) -> None:
    config: Any = load(SETTER)
    assert warned(config.use) == []
    config.set_n(10)
    assert "config.N = 10" in warned(config.use)[0]
    assert warned(config.use, lambda: config.set_n(10)) == []
    assert warned(lambda: (config.set_n(10), config.use())) == []


def test_what_a_context_manager_has_set_is_named(load: Load) -> None:
    config: Any = load(
        "import contextlib\nN = 3\n@contextlib.contextmanager\ndef of(n):\n    global N\n    old, N = N, n\n"
        "    try:\n        yield\n    finally:\n        N = old\ndef use(): return N\n"
    )
    with config.of(10):
        assert "config.N = 10" in warned(config.use)[0]
    assert warned(config.use) == []


def test_options_of_a_program_that_is_called_here_are_named(load: Load) -> None:
    program: Any = load(
        "OPTIONS = None\ndef use(): return OPTIONS\n"
        "def main(arguments=None):\n    global OPTIONS\n    OPTIONS = list(arguments)\n    print(OPTIONS)\n"
        "if __name__ == '__main__':\n    main()\n",
        "program",
    )
    program.main(["-v"])
    assert "program.OPTIONS = ['-v']" in warned(program.use)[0]


@pytest.mark.parametrize(
    "source",
    [
        SETTER + "set_n(10)\n",
        SETTER + "def prepare(): set_n(10)\nprepare()\n",
        "N = None\ndef use(path='a'):\n    global N\n    if N is None:\n        N = path\nuse()\n",
        "N = None\ndef use(path='a'):\n    global N\n    N = N or path\n    return N\nuse()\n",
        "N = 0\ndef use(step=1):\n    global N\n    N += step\nuse()\n",
        "N = None\ndef use():\n    global N\n    N = 5\nuse()\n",
    ],
)
def test_what_is_set_at_import_or_when_it_is_needed_is_no_alarm(load: Load, source: str) -> None:
    config: Any = load(source)
    assert config.N not in (None, 0)
    assert warned(config.use) == []


def test_a_setter_that_another_module_calls_is_no_alarm(load: Load) -> None:
    config: Any = load(SETTER)
    other: Any = load("import config\nconfig.set_n(10)\ndef use(): return config.N\n", "other")
    assert config.N == 10
    assert warned(other.use) == []


def test_several_are_one_warning(load: Load) -> None:
    config = load("".join(f"N{number} = 3\n" for number in range(9)) + "def use(): pass\n")
    for number in range(9):
        vars(config)[f"N{number}"] = "x" * 100
    (text,) = warned(config.use)
    assert "config.N0 = 'xxx" in text
    assert "… and 4 more is set here" in text


def test_the_warning_stands_at_the_users_line_and_is_true(tmp_path: Path, root: str) -> None:
    project = Project(tmp_path / "project", root)
    project.write({"config.py": "N = 3\ndef use(): return N\n"})
    project.run("""
import warnings, config
config.N = 10
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert env.submit(config.use).result(60) == 3
    def set_n(): config.N = 10
    assert env.map_submit(lambda _: config.use(), [1], initializer=set_n).results(60) == [10]
assert [warning.category for warning in caught] == [remotebatch.ModuleStateWarning], caught
assert caught[0].filename == __file__, caught[0]
""")


def test_what_the_script_sets_is_warned_of_also_for_its_own_functions(tmp_path: Path, root: str) -> None:
    """Importing multiprocessing makes the script known as ``__mp_main__`` too."""
    project = Project(tmp_path / "project", root)
    project.write({"config.py": "N = 3\n"})
    project.run("""
import multiprocessing, warnings, config
M = 4
def use(): return config.N, M
config.N = 10
M = 5
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert env.submit(use).result(60) == (3, 5)
(warning,) = caught
assert warning.category is remotebatch.ModuleStateWarning
assert "config.N = 10 is set here" in str(warning.message), warning
""")


def test_what_the_script_has_put_into_tables_of_modules_is_warned_of(tmp_path: Path, root: str) -> None:
    project = Project(tmp_path / "project", root)
    project.write(
        {
            "shapes/__init__.py": "from .tables import TABLE, register\n",
            "shapes/tables.py": """
import functools
TABLE, HOOKS = {}, []
def register(cls):
    TABLE[cls.__name__] = cls
    return cls
class Shape:
    kinds = {}
    def __init_subclass__(cls, **kwargs):
        Shape.kinds[cls.__name__] = cls
class Plain: pass
@functools.singledispatch
def area(shape): return 0
""",
        }
    )
    project.run("""
import warnings, shapes
from shapes import tables

def warned(function, initializer=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values = env.map_submit(function, [0], initializer=initializer).results(60)
    assert all(warning.category is remotebatch.ModuleStateWarning for warning in caught), caught
    return values[0], "".join(str(warning.message).partition(" was put there")[0] for warning in caught)

def work(_): return sorted(shapes.TABLE), len(tables.HOOKS)
class Child(tables.Plain): pass
assert warned(work) == (([], 0), "")

@shapes.register
class Mine: pass
assert warned(work) == (([], 0), "function 'work': shapes.tables.TABLE['Mine']")
def again(): shapes.register(Mine)
assert warned(work, again) == ((["Mine"], 0), "")

tables.HOOKS.append(lambda: 3)
class Square(tables.Shape): pass
@tables.area.register
def of_mine(shape: Mine): return 1
_, text = warned(work, again)
assert text == (
    "function 'work': shapes.tables.HOOKS[0], shapes.tables.Shape.kinds['Square'], "
    "shapes.tables.area.registry[Mine]"
), text

import sys, types
made = sys.modules["made"] = types.ModuleType("made")  # travels as it is here
made.TABLE = {"a": Square}
def use_made(_): return len(made.TABLE)
tables.HOOKS[:], tables.Shape.kinds = [work, use_made], {}
def all_again(): again(), tables.area.register(of_mine)
assert warned(use_made, all_again) == (1, "")
assert warned(work, all_again)[1] == ""  # a list of what is to be submitted
""")


def test_it_is_public() -> None:
    assert "ModuleStateWarning" in remotebatch.__all__
    assert issubclass(ModuleStateWarning, UserWarning)
