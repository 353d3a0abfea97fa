"""Which modules have put something of theirs into others: handlers into a table, subclasses under a class.

Such a module need not be imported by the one that holds the table. A task imports it as this process has.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, NamedTuple

_LARGEST = 1000
"""A larger collection holds data."""
_MAPPINGS = (dict, MappingProxyType)
_COLLECTIONS = (*_MAPPINGS, list, tuple, set, frozenset)
_SUBCLASSES = ".__subclasses__()"
_PLAIN = (str, int, float, bool, bytes, type(None))


class Homes(NamedTuple):
    """Names of the modules that what a module holds comes from."""

    held: set[str]
    """What is bound to its names: as a rule it has imported these itself."""
    collected: set[str]
    """What its tables, classes and objects have collected: these may have come by themselves."""


def homes_in(name: str, module: ModuleType) -> Homes:
    """The homes of what a loaded module holds, other than itself."""
    held: set[str] = set()
    collected: set[str] = set()
    for value in list(vars(module).values()):
        try:
            held.update(home_of(value))
            for _, collection in (("", value), *_collections_in(value, name)):
                collected.update(home for _, item in _items(collection) for home in home_of(item))
        except Exception:  # raised by a proxy of what is not there now
            continue
    # a package has its own modules in any case
    held = {home for home in held if home != name and not home.startswith(f"{name}.")}
    return Homes(held, collected - {name})


class Table(NamedTuple):
    """A table of a module into which the script has put something."""

    path: str
    """Where it is: ``package.module.MODELS``."""
    entries: dict[str, str]
    """The keys of what the script has put there, in words, and what it is called in the script."""


def tables_of_script(modules: Iterable[ModuleType]) -> Iterator[Table]:
    """The tables of loaded modules that hold functions or classes of the script, other than as subclasses."""
    seen = set()
    for module in modules:
        for variable, value in list(vars(module).items()):
            try:
                for within, collection in (("", value), *_collections_in(value, module.__name__)):
                    if within != _SUBCLASSES and id(collection) not in seen:
                        seen.add(id(collection))
                        entries = {
                            key: item.__name__
                            for key, item in _items(collection)
                            if not isinstance(item, ModuleType) and "__main__" in home_of(item)
                        }
                        if entries:
                            yield Table(f"{module.__name__}.{variable}{within}", entries)
            except Exception:  # raised by a proxy of what is not there now
                continue


def home_of(value: Any) -> Iterator[str]:
    """Name of the module that a module, class or function comes from; nothing for other objects."""
    if type(value) is ModuleType:
        yield value.__name__
    elif isinstance(value, (type, FunctionType)):
        home = getattr(value, "__module__", None)
        if isinstance(home, str):
            yield home


def _collections_in(value: Any, owner: str) -> Iterator[tuple[str, Any]]:
    """What a class, a generic function or an object of the module collects, and where it is in that."""
    if isinstance(value, ModuleType):
        return
    if isinstance(value, type):
        if value.__module__ == owner:
            yield _SUBCLASSES, _subclasses(value)
            yield from _attributes(value)
    elif isinstance(value, FunctionType):
        yield ".registry", getattr(value, "registry", None)
    elif isinstance(getattr(value, "__dict__", None), dict):
        yield from _attributes(value)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    for name, held in list(vars(value).items()):
        yield f".{name}", held


def _items(collection: Any) -> Iterator[tuple[str, Any]]:
    """What a collection holds, each after its key or index in words."""
    if isinstance(collection, _COLLECTIONS) and len(collection) <= _LARGEST:
        items: Any = collection.items() if isinstance(collection, _MAPPINGS) else enumerate(collection)
        for key, item in list(items):
            yield reprlib.repr(key) if type(key) in _PLAIN else getattr(key, "__name__", "…"), item


def _subclasses(cls: type) -> list[type]:
    found: list[type] = []
    waiting = [cls]
    while waiting and len(found) < _LARGEST:
        below: list[type] = type.__subclasses__(waiting.pop())
        found += below
        waiting += below
    return found
