"""Which modules have put something of theirs into others: handlers into a table, subclasses under a class.

Such a module need not be imported by the one that holds the table. A task imports it as this process has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

_LARGEST = 1000
"""A larger collection holds data."""
_MAPPINGS = (dict, MappingProxyType)
_COLLECTIONS = (*_MAPPINGS, list, tuple, set, frozenset)


def registrations(package: str) -> Iterator[tuple[str, str]]:
    """For each loaded module of a package: its name, and the name of a module that it has things of."""
    for name, module in list(sys.modules.items()):
        if (name == package or name.startswith(f"{package}.")) and type(module) is ModuleType:
            homes: set[str] = set()
            for value in list(vars(module).values()):
                try:
                    homes.update(_homes(value, name))
                except Exception:  # raised by a proxy of what is not there now
                    continue
            yield from ((name, home) for home in sorted(homes) if home != name)


def _homes(value: Any, owner: str) -> Iterator[str]:
    """Names of the modules that a value comes from, or that what it collects comes from."""
    if not (
        type(value) is ModuleType and value.__name__.startswith(f"{owner}.")
    ):  # a package has its modules
        yield from _home(value)
    for collection in (value, *_collections_in(value, owner)):
        if isinstance(collection, _COLLECTIONS) and len(collection) <= _LARGEST:
            items: Any = collection.values() if isinstance(collection, _MAPPINGS) else collection
            for item in list(items):
                yield from _home(item)


def _home(value: Any) -> Iterator[str]:
    if type(value) is ModuleType:
        yield value.__name__
    elif isinstance(value, (type, FunctionType)):
        home = getattr(value, "__module__", None)
        if isinstance(home, str):
            yield home


def _collections_in(value: Any, owner: str) -> Iterator[Any]:
    """What a class, a generic function or an object of the module collects."""
    if isinstance(value, type):
        if value.__module__ == owner:
            yield _subclasses(value)
            yield from list(vars(value).values())
    elif isinstance(value, FunctionType):
        yield getattr(value, "registry", None)
    elif isinstance(getattr(value, "__dict__", None), dict):
        yield from list(vars(value).values())


def _subclasses(cls: type) -> list[type]:
    found: list[type] = []
    waiting = [cls]
    while waiting and len(found) < _LARGEST:
        below: list[type] = type.__subclasses__(waiting.pop())
        found += below
        waiting += below
    return found
