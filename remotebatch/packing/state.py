"""Warns of what a module holds here and will not hold in a task, where it is imported afresh."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from remotebatch.callers import users_level
from remotebatch.errors import ModuleStateWarning
from remotebatch.packing.archives import Archive
from remotebatch.packing.ownership import Location
from remotebatch.packing.registries import tables_of_script
from remotebatch.packing.sources import attributes_set, bound_literal, names_used, setters_in
from remotebatch_kernel.pickling import codes

_MOST = 5
_LONGEST = 60
_SETS = frozenset({"STORE_ATTR", "STORE_GLOBAL", "STORE_NAME"})


def warn_of_state(
    found: Mapping[Location, Archive],
    touched: Iterable[str],
    name: str,
    functions: Iterable[Callable[..., Any] | None],
) -> None:
    """Warn of what the user's own modules hold here and will not hold where they are imported afresh.

    That is names that are bound to other values than the source says, and what the script has put into them.

    :param found: the user's own modules.
    :param touched: names of those that hold something of the script.
    :param name: the function's.
    :param functions: what is called in the task; what these set themselves is passed over.
    """
    kept = [
        (module, constant)
        for module, constant in _changed(found)
        if any(
            not _is_same(vars(module)[constant], literal)
            for literal in bound_literal(_source(module), constant)
        )
    ]
    if kept:
        set_there = {name for function in functions for name in _names_in(function, _SETS)}
        used_there = {name for function in functions for name in _names_in(function, None)}
        sources = list(map(_source, _loaded(found).values()))
        kept = [
            (module, constant)
            for module, constant in kept
            if constant not in set_there
            and not _is_set_by(sources, constant)
            and not _may_be_called(setters_in(_source(module), constant), sources, used_there)
        ]
    if kept:
        shown = [
            f"{module.__name__}.{constant} = {_short(vars(module)[constant])}"
            for module, constant in kept[:_MOST]
        ]
        more = f" and {len(kept) - _MOST} more" if len(kept) > _MOST else ""
        warnings.warn(
            f"function {name!r}: {', '.join(shown)}{more} is set here and will not be in the tasks: they "
            f"import {kept[0][0].__name__} afresh, as its source says. Pass the value as an argument, or "
            f"have it set in each task with initializer= or in the function",
            ModuleStateWarning,
            stacklevel=users_level(),
        )
    _warn_of_entries([sys.modules[module] for module in touched if module in sys.modules], name, functions)


def _warn_of_entries(
    modules: Iterable[ModuleType], name: str, functions: Iterable[Callable[..., Any] | None]
) -> None:
    """Warn of the script's functions and classes in tables of the modules, as decorators put them there.

    A table that holds the function itself is the script's list of what to submit. What the initializer names,
    it puts there.
    """
    _, initializer = functions
    used_there = set(_names_in(initializer, None))
    kept = [
        f"{table.path}[{key}]"
        for table in tables_of_script(modules)
        if name not in table.entries.values() and used_there.isdisjoint(table.path.split(".")[1:])
        for key, item in table.entries.items()
        if item not in used_there
    ]
    if kept:
        more = f" and {len(kept) - _MOST} more" if len(kept) > _MOST else ""
        warnings.warn(
            f"function {name!r}: {', '.join(kept[:_MOST])}{more} was put there by the script, which the "
            f"tasks do not run: they import their modules afresh. Move what does this into a module that the "
            f"function imports, or have it done in each task with initializer=",
            ModuleStateWarning,
            stacklevel=users_level(),
        )


def _changed(found: Mapping[Location, Archive]) -> Iterator[tuple[ModuleType, str]]:
    loaded = _loaded(found)
    for location, archive in found.items():
        for file, constants in archive.constants.items():
            module = loaded.get(os.path.join(location.root, file))
            if module is not None:
                held = vars(module)
                for name, value in constants.items():
                    if name in held and not _is_same(held[name], value):
                        yield module, name


def _loaded(found: Iterable[Location]) -> dict[str, ModuleType]:
    """The user's own modules that are loaded, by their files.

    The script is not among them, by none of its names (importing multiprocessing adds ``__mp_main__``): its
    module-level code runs in no task, and what is used of it travels as it is here.
    """
    main = sys.modules.get("__main__")
    paths = tuple({location.path for location in found})
    return {
        file: module
        for module in list(sys.modules.values())
        if type(module) is ModuleType
        and module is not main
        and isinstance(file := vars(module).get("__file__"), str)
        and file.startswith(paths)
    }


def _is_same(held: Any, value: Any) -> bool:
    if type(held) is not type(value):
        return False
    if type(value) is tuple:
        return len(held) == len(value) and all(map(_is_same, held, value))
    return bool(held == value)


def _names_in(function: Any, steps: frozenset[str] | None) -> Iterator[str]:
    """The names that a function's instructions have, all or those of some kinds."""
    import dis

    while hasattr(function, "__wrapped__") or hasattr(function, "func"):
        function = getattr(function, "func", None) or function.__wrapped__
    if isinstance(function, FunctionType):
        for code in codes(function.__code__):
            for step in dis.get_instructions(code):
                if isinstance(step.argval, str) and (steps is None or step.opname in steps):
                    yield step.argval


def _is_set_by(sources: Iterable[bytes], name: str) -> bool:
    """Whether one of the modules sets such an attribute of another when it is imported."""
    pattern = re.compile(rb"\.\s*" + re.escape(name.encode()) + rb"\b")
    return any(pattern.search(source) and name in attributes_set(source) for source in sources)


def _may_be_called(setters: frozenset[str], sources: Iterable[bytes], names: set[str]) -> bool:
    """Whether the task may call one of some functions: when it imports its modules, or itself."""
    return not setters.isdisjoint(names) or any(not setters.isdisjoint(names_used(text)) for text in sources)


def _source(module: ModuleType) -> bytes:
    try:
        with open(str(module.__file__), "rb") as file:
            return file.read()
    except OSError:  # removed since, or in a zip archive
        return b""


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # a user's __repr__
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
