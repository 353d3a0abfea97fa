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
from contextvars import ContextVar
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from remotebatch_kernel import classes

IMPORTED = "imported"
"""A function's globals are those of its module, which is imported."""
REBUILT = "rebuilt"
"""A function's globals are those of its module, which is rebuilt from what travels."""
PRIVATE = "private"
"""A function has a namespace of its own."""

_main: ModuleType | None = None
_unset: dict[int, Any] = {}  # objects by their ids
_incomplete: weakref.WeakSet[FunctionType] = weakref.WeakSet()


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
    code: CodeType,
    home: str,
    name: str,
    place: str,
    private: dict[str, Any],
    cells: tuple[CellType, ...] | None,
) -> FunctionType:
    """A function without its state; or that function itself, where this process has it.

    :param home: name of its module.
    :param name: what its module has it under; empty if it has not.
    :param place: one of :data:`IMPORTED`, :data:`REBUILT` and :data:`PRIVATE`: whose globals it has.
    :param private: a namespace of its own, which other functions may share.
    :raises ModuleNotFoundError: if its module is to be imported, and is not installed here.
    """
    found = classes.named(home, name) if name else None
    if isinstance(found, FunctionType) and found.__code__ == code:
        return found
    made = FunctionType(code, _namespace(home, place, private), closure=cells)
    _incomplete.add(made)
    return made


def set_function(
    function: FunctionType, state: tuple[dict[str, Any], list[Any], dict[str, Any], list[ModuleType]]
) -> None:
    """Give a function its state: the globals that it uses, the contents of its cells, its attributes."""
    if function not in _incomplete:
        return
    _incomplete.remove(function)
    used, contents, attributes, _ = state
    namespace = function.__globals__
    for name, value in used.items():
        namespace.setdefault(name, value)  # what is there may have been changed since
    for cell, content in zip(function.__closure__ or (), contents):
        if content:
            (cell.cell_contents,) = content
    for name, value in attributes.items():
        setattr(function, name, value)


def make_class(
    identity: str,
    home: str,
    metaclass: type,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    members: dict[str, Any] | None,
) -> type:
    """A class without its attributes; or that class itself, where this process has it.

    :param identity: what names it in all processes.
    :param home: name of the module that has it under its name; empty if none has.
    :param namespace: what it must be made with.
    :param members: those of an enumeration.
    """
    found = classes.find(identity, namespace["__module__"], namespace["__qualname__"])
    if found is not None:
        return found
    if members is None:
        made = classes.make(identity, metaclass, bases, namespace)
    else:
        made = classes.make_enum(identity, metaclass, bases, namespace, members)
    module = _main if home == "__main__" else sys.modules.get(home)
    if _main is not None and isinstance(module, ModuleType) and "." not in made.__qualname__:
        vars(module).setdefault(made.__name__, made)  # where pickles look it up
    return made


def set_class(cls: type, state: tuple[Any, ...]) -> None:
    """Give a class its attributes, unless it has them: see :func:`.classes.state_of`."""
    attributes, registered, members, _ = state
    classes.complete(cls, attributes, registered, members)


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


def make_global(name: str, kind: type, make: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What stands in ``__main__`` under a name, and is pickled by it; made there if it is missing."""
    found = classes.named("__main__", name)
    if type(found) is kind:
        return found
    made = make(*arguments)
    if kind.__module__ == "__main__":
        _unset[id(made)] = made
    if _main is not None:
        vars(_main).setdefault(name, made)
    return made


def set_global(made: Any, state: dict[str, Any]) -> None:
    """Give such an object its attributes, unless it has them."""
    if _unset.pop(id(made), None) is not None and state:
        vars(made).update(state)


def make_context_variable(name: str, default: tuple[Any, ...], value: tuple[Any, ...]) -> ContextVar[Any]:
    """A context variable.

    :param default: its default, if it has one.
    :param value: its value in the context that it was pickled in, if it had one.
    """
    made: ContextVar[Any] = ContextVar(name, default=default[0]) if default else ContextVar(name)
    if value:
        made.set(value[0])
    return made


def make_exception(cls: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """An exception, without a call of its ``__init__``, whose parameters may be others than ``args``."""
    made = cls.__new__(cls, *args)
    made.args = args
    return made


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
