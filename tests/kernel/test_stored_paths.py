"""Paths of the kernel that stand in stored pickles: they stay importable, with the parameters they had."""

from __future__ import annotations

import inspect
import pickle
import sys

import cloudpickle
import pytest

from remotebatch_kernel import rebuilding
from remotebatch_kernel.system.sigterm import Terminated

REBUILT = (
    b"\x80\x04\x8c\x1dremotebatch_kernel.exceptions\x8c\x07rebuild\x93"
    b"\x8c\x08builtins\x8c\nValueError\x93\x8c\x03one\x85}\x8c\x06detail\x8c\x03twos\x87R."
)
MODULE = (
    b"\x80\x04\x8c\x1aremotebatch_kernel.modules\x8c\nget_module\x93\x8c\x18absent_package.of_a_user\x85R."
)


def test_an_exception_of_a_stored_result() -> None:
    error = pickle.loads(REBUILT)
    assert (type(error), error.args, error.detail) == (ValueError, ("one",), "two")


def test_a_module_of_a_stored_function(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("absent_package", "absent_package.of_a_user")
    for name in names:
        monkeypatch.setitem(sys.modules, name, sys)  # to be removed at the end
        del sys.modules[name]
    module = pickle.loads(MODULE)
    assert module.__name__ == names[1]
    assert sys.modules[names[0]].of_a_user is module


def test_the_exception_of_sigterm_names_no_path_of_the_kernel() -> None:
    """A function may catch and return it."""
    data = cloudpickle.dumps(Terminated(143))
    assert b"remotebatch" not in data
    error = pickle.loads(data)
    assert (type(error), error.code) == (SystemExit, 143)


def test_what_pickles_name_keeps_its_parameters() -> None:
    parameters = {
        name: list(inspect.signature(function).parameters)
        for name, function in vars(rebuilding).items()
        if name.startswith(("make_", "set_"))
    }
    assert parameters == {
        "make_cell": [],
        "make_function": ["code", "home", "name", "place", "private", "cells"],
        "set_function": ["function", "state"],
        "make_class": ["identity", "home", "metaclass", "bases", "namespace", "members"],
        "set_class": ["cls", "state"],
        "make_module": ["name"],
        "set_module": ["module", "state"],
        "make_cached": ["maxsize", "typed", "function"],
        "make_global": ["name", "kind", "make", "arguments"],
        "set_global": ["made", "state"],
        "make_context_variable": ["name", "default", "value"],
        "make_exception": ["cls", "args"],
        "make_reference": ["target"],
    }
