"""Which modules have put something of theirs into others: handlers into a table, subclasses under a class.

Such a module need not be imported by the one that holds the table. A task imports it as this process has.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, NamedTuple

_LARGEST = 1000
"""A larger collection holds data."""
_MAPPINGS = (dict, MappingProxyType)
_COLLECTIONS = (*_MAPPINGS, list, tuple, set, frozenset)


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
            for collection in (value, *_collections_in(value, name)):
                if isinstance(collection, _COLLECTIONS) and len(collection) <= _LARGEST:
                    items: Any = collection.values() if isinstance(collection, _MAPPINGS) else collection
                    collected.update(home for item in list(items) for home in home_of(item))
        except Exception:  # raised by a proxy of what is not there now
            continue
    held = {
        home for home in held if home != name and not home.startswith(f"{name}.")
    }  # a package has its modules
    return Homes(held, collected - {name})


def home_of(value: Any) -> Iterator[str]:
    """Name of the module that a module, class or function comes from; nothing for other objects."""
    if type(value) is ModuleType:
        yield value.__name__
    elif isinstance(value, (type, FunctionType)):
        home = getattr(value, "__module__", None)
        if isinstance(home, str):
            yield home


def _collections_in(value: Any, owner: str) -> Iterator[Any]:
    """What a class, a generic function or an object of the module collects."""
    if isinstance(value, ModuleType):
        return
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
