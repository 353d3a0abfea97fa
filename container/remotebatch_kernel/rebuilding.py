"""Rebuilds functions and classes that travel by value. :mod:`.pickling` writes calls of what stands here.

The functions of this module stand in stored objects, so neither they nor the module may be moved or renamed,
and their parameters stay as they are.
"""

from __future__ import annotations

import functools
import importlib
import sys
import weakref
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

IMPORTED = "imported"
"""A function's globals are those of its module, which is imported."""
REBUILT = "rebuilt"
"""A function's globals are those of its module, which is rebuilt from what travels."""
PRIVATE = "private"
"""A function has a namespace of its own."""

_main: ModuleType | None = None


def rebuild_in(main: ModuleType | None) -> None:
    """Have this process, a task, rebuild what belongs to ``__main__`` in that module.

    Elsewhere, as at a client that reads a result, each function gets a namespace of its own, because nothing
    of the user's ``__main__`` must be touched.
    """
    global _main
    _main = main


def make_cell() -> CellType:
    """An empty cell, which the function that uses it fills."""
    return CellType()


def make_function(
    code: CodeType, home: str, place: str, private: dict[str, Any], cells: tuple[CellType, ...] | None
) -> FunctionType:
    """A function without its state.

    :param home: name of its module.
    :param place: one of :data:`IMPORTED`, :data:`REBUILT` and :data:`PRIVATE`: whose globals it has.
    :param private: a namespace of its own, which other functions may share.
    :raises ModuleNotFoundError: if its module is to be imported, and is not installed here.
    """
    return FunctionType(code, _namespace(home, place, private), closure=cells)


def set_function(
    function: FunctionType, state: tuple[dict[str, Any], list[Any], dict[str, Any], list[ModuleType]]
) -> None:
    """Give a function its state: the globals that it uses, the contents of its cells, its attributes."""
    used, contents, attributes, _ = state
    namespace = function.__globals__
    for name, value in used.items():
        namespace.setdefault(name, value)  # what is there may have been changed since
    for cell, content in zip(function.__closure__ or (), contents):
        if content:
            (cell.cell_contents,) = content
    for name, value in attributes.items():
        setattr(function, name, value)


def make_class(home: str, make: Callable[..., type], *arguments: Any) -> type:
    """A class as cloudpickle makes it, put where pickles look it up."""
    made = make(*arguments)
    module = _main if home == "__main__" else sys.modules.get(home)
    if _main is not None and module is not None:
        vars(module).setdefault(made.__name__, made)
    return made


def make_module(name: str) -> ModuleType:
    """A module that was made at run time, with its parents."""
    if name == "__main__":
        return _main or ModuleType(name)
    module = sys.modules.get(name)
    if module is None:
        module = ModuleType(name)
        if _main is not None:
            sys.modules[name] = module
            parent, _, last = name.rpartition(".")
            if parent:
                setattr(make_module(parent), last, module)
    return module


def set_module(module: ModuleType, state: dict[str, Any]) -> None:
    """Give such a module what it holds."""
    for name, value in state.items():
        vars(module).setdefault(name, value)


def make_cached(maxsize: int | None, typed: bool, function: Callable[..., Any]) -> Any:
    """A function with :func:`functools.lru_cache`, which is empty."""
    return functools.lru_cache(maxsize, typed)(function)


def make_reference(target: Any) -> Callable[[], Any]:
    """A weak reference; a dead one where its target is gone."""
    return weakref.ref(set() if target is None else target)


def _namespace(home: str, place: str, private: dict[str, Any]) -> dict[str, Any]:
    if place == IMPORTED:
        return vars(importlib.import_module(home))
    if place == REBUILT and _main is not None:
        return vars(make_module(home))
    private.setdefault("__name__", home)
    private.setdefault("__builtins__", __builtins__)
    return private
