"""Compiled modules travel where the platform matches; where it does not, the error says so."""

from __future__ import annotations

import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

from remotebatch_kernel.evaluation import compiled
from tests.support.projects import Project

SOURCE = """
#include <Python.h>
static PyObject *answer(PyObject *self, PyObject *unused) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", "", -1, methods};
PyMODINIT_FUNC PyInit__fast(void) { return PyModule_Create(&module); }
"""
INIT = "from native._fast import answer\ndef twice(): return 2 * answer()\n"


@pytest.fixture
def project(tmp_path: Path, root: str) -> Project:
    return Project(tmp_path / "project", root)


def test_a_module_built_in_place_travels(project: Project) -> None:
    project.write({"native/_fast.c": SOURCE, "native/__init__.py": INIT})
    compiler = shlex.split(str(sysconfig.get_config_var("CC")))
    options = ["-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    built = f"native/_fast{sysconfig.get_config_var('EXT_SUFFIX')}"
    subprocess.run([*compiler, *options, "-o", built, "native/_fast.c"], cwd=project.folder, check=True)
    script = """
import native, native._fast
assert same(native.twice) == 84
assert same(native._fast.answer) == 42
assert same(lambda: native._fast.answer()) == 42
"""
    project.run(script)


@pytest.mark.parametrize("statement", ["from native._fast import answer", "from native import _fast"])
def test_a_module_for_another_platform(project: Project, statement: str) -> None:
    other = "native/_fast.cpython-39-riscv64-linux-gnu.so"
    project.write(
        {other: b"\x7fELF", "native/__init__.py": "", "native/use.py": f"{statement}\ndef f(): pass\n"}
    )
    script = """
import types
stub = sys.modules["native._fast"] = types.ModuleType("native._fast")
stub.answer = abs
import native
native._fast = stub
from native.use import f
try:
    env.submit(f).result(60)
except remotebatch.JobFailed as error:
    print(error.failure_type, error)
"""
    printed = project.run(script)
    assert printed.startswith("ModuleMissing ")
    assert f"{other} is compiled for linux-" in printed
    assert "here is linux-" in printed
    assert "choose a container_image of the platform" in printed


def test_a_module_that_is_not_one_for_this_machine(project: Project) -> None:
    project.write(
        {"native/_fast.so": b"\x7fELF" + bytes(100), "native/__init__.py": "", "native/use.py": INIT}
    )
    script = """
import types
stub = sys.modules["native._fast"] = types.ModuleType("native._fast")
stub.answer = abs
from native.use import twice
try:
    env.submit(twice).result(60)
except remotebatch.JobFailed as error:
    print(error.failure_type, error)
"""
    printed = project.run(script)
    assert printed.startswith("ModuleMissing ")
    assert "native/_fast.so is compiled for linux-" in printed


def test_other_errors_of_imports_are_not_about_compiled_modules(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/_fast.abi3.so").touch()  # any platform's Python takes this name
    for error in (
        ModuleNotFoundError("No module named 'pkg._fast'", name="pkg._fast"),
        ModuleNotFoundError("No module named 'pkg.other'", name="pkg.other"),
        ImportError("cannot import name 'x' from 'pkg' (unknown location)", name="pkg"),
        ImportError("of the user's own"),
    ):
        assert compiled.reason(error, [str(tmp_path)], "linux-x86_64") is None
