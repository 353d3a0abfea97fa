"""Which of the user's own modules a function uses, and which pieces of them have to travel.

What is installed on the node is sent by name. What is not (the script, a notebook's cells, modules
and packages lying beside them) is sent by value: not whole modules, whose imports and open files
may have no place on a node, but the functions, classes and constants that the submitted function
can be seen to reach. cloudpickle copies the code; this module finds what it reaches through module
attributes and through imports inside function bodies, which cloudpickle does not follow.
"""

from __future__ import annotations

import dis
import functools
import importlib
import importlib.util
import linecache
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_IMPORT_NAME = dis.opmap["IMPORT_NAME"]
_OURS = frozenset({"remotebatch", "remotebatch_kernel", "cloudpickle"})


def is_users_module(name: str) -> bool:
    """Whether a module belongs to the user and is not installed: its definitions travel by value."""
    return name != "__main__" and _is_users_package(name.partition(".")[0])


@functools.cache
def _is_users_package(package: str) -> bool:
    if package in sys.stdlib_module_names or package in _OURS:
        return False
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None) if module else _find_spec(package)
    file = getattr(module, "__file__", None) or getattr(spec, "origin", None)
    if file is None or not os.path.isabs(file):
        locations = list(getattr(spec, "submodule_search_locations", None) or [])
        if not locations:
            return False
        file = locations[0]
    path = os.path.realpath(file)
    return not any(path.startswith(prefix) for prefix in _installed_prefixes())


@functools.cache
def _installed_prefixes() -> tuple[str, ...]:
    paths = [sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({os.path.realpath(path) + os.sep for path in paths if path})


def _find_spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None


class Definitions:
    """The pieces of the user's modules that some objects reach."""

    def __init__(self) -> None:
        self.modules: dict[str, dict[str, Any]] = {}
        """Module name → attribute → the object, for all that was reached."""
        self.source_lines: dict[str, dict[int, str]] = {}
        """File name → line number → text, of every function that travels: for tracebacks."""
        self._seen: set[int] = set()
        self._kept: list[Any] = []  # keeps seen objects alive, so that an id is never used twice

    def reach(self, *objects: Any) -> None:
        """Follow what the objects use, however deep."""
        waiting = list(objects)
        while waiting:
            item = waiting.pop()
            if id(item) in self._seen:
                continue
            self._seen.add(id(item))
            self._kept.append(item)
            waiting.extend(self._follow(item))

    def module_state(self, module: ModuleType) -> dict[str, Any]:
        """What was reached of a module."""
        return self.modules.setdefault(module.__name__, {})

    def _follow(self, item: Any) -> Iterator[Any]:
        if isinstance(item, functools.partial):
            yield from (item.func, *item.args, *item.keywords.values())
        elif isinstance(item, MethodType):
            yield from (item.__func__, item.__self__)
        elif isinstance(item, FunctionType):
            if self._travels(item):
                yield from self._follow_function(item)
        elif isinstance(item, type):
            if self._travels(item):
                yield from item.__mro__
                yield from _functions_of(item)
        elif not isinstance(item, ModuleType):
            yield type(item)

    def _travels(self, item: FunctionType | type) -> bool:
        """Whether it is sent by value; if it is a module's attribute, note it as such."""
        name = item.__module__
        module = sys.modules.get(name or "")
        if module is None or name == "__main__" or "<" in item.__qualname__:
            return True  # a script's, a notebook's, a lambda's or an inner function's: it has no address
        if not is_users_module(name):
            return False
        if getattr(module, item.__qualname__, None) is item:
            self.module_state(module)[item.__qualname__] = item
        return True

    def _follow_function(self, function: FunctionType) -> Iterator[Any]:
        self._keep_source(function.__code__)
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # an empty cell: a name not bound yet
                continue
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).values()
        if (wrapped := getattr(function, "__wrapped__", None)) is not None:
            yield wrapped
        names = _names(function.__code__)
        used = [function.__globals__[name] for name in names if name in function.__globals__]
        used += self._imported_in_body(function)
        for value in used:
            if isinstance(value, ModuleType):
                yield from self._follow_module(value, names)
            else:
                yield value

    def _keep_source(self, code: CodeType) -> None:
        linecache.checkcache(code.co_filename)
        lines = linecache.getlines(code.co_filename)
        kept = self.source_lines.setdefault(code.co_filename, {})
        for part in _codes(code):
            for _, _, number in part.co_lines():
                if number is not None and 0 < number <= len(lines):
                    kept[number] = lines[number - 1]

    def _follow_module(self, module: ModuleType, names: set[str]) -> Iterator[Any]:
        if not is_users_module(module.__name__):
            return
        state = self.module_state(module)
        for name in names & vars(module).keys():
            if name in state:
                continue
            value = vars(module)[name]
            state[name] = value
            if isinstance(value, ModuleType):
                yield from self._follow_module(value, names)
            else:
                yield value

    def _imported_in_body(self, function: FunctionType) -> Iterator[ModuleType]:
        package = function.__globals__.get("__package__") or ""
        for name in _imports(function.__code__, package):
            if not is_users_module(name):
                continue
            try:
                module = importlib.import_module(name)
            except Exception:
                continue
            yield module
            if "." in name:
                yield from self._parents(name)

    def _parents(self, name: str) -> Iterator[ModuleType]:
        """``import a.b`` binds ``a``: the function reads ``b`` from it."""
        while "." in name:
            name, _, child = name.rpartition(".")
            parent = sys.modules[name]
            self.module_state(parent)[child] = sys.modules[f"{name}.{child}"]
            yield parent


def _functions_of(cls: type) -> Iterator[Any]:
    for value in vars(cls).values():
        if isinstance(value, (staticmethod, classmethod)):
            yield value.__func__
        elif isinstance(value, property):
            yield from (getter for getter in (value.fget, value.fset, value.fdel) if getter)
        elif isinstance(value, (FunctionType, type)):
            yield value


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _names(code: CodeType) -> set[str]:
    return {name for part in _codes(code) for name in part.co_names}


def _imports(code: CodeType, package: str) -> Iterator[str]:
    """Absolute names of the modules that import statements in the code may load."""
    for part in _codes(code):
        if _IMPORT_NAME not in part.co_code[::2]:
            continue  # taking code apart is slow, and most has no import in it
        instructions = [step for step in dis.get_instructions(part) if step.opname != "EXTENDED_ARG"]
        for position, step in enumerate(instructions):
            if step.opname != "IMPORT_NAME":
                continue
            level = instructions[position - 2].argval  # IMPORT_NAME takes level and names off the stack
            base = step.argval
            if level:
                base = ".".join([*package.split(".")[: len(package.split(".")) + 1 - level], step.argval])
                base = base.rstrip(".")
            yield base
            for name in instructions[position - 1].argval or ():
                if _find_spec(f"{base}.{name}") is not None:
                    yield f"{base}.{name}"
