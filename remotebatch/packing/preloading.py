"""Which installed modules a function's tasks import, so that a fork server may import them once for all."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple

from remotebatch.packing.ownership import is_everywhere, locate
from remotebatch.packing.registries import home_of

_NOT_PRELOADED = frozenset({"__main__", "cloudpickle", "remotebatch_kernel"})


class Used(NamedTuple):
    """Modules that are not the user's own."""

    installed: list[str]
    standard: list[str]
    """Of the standard library."""


def used_modules(names: Iterable[str]) -> Used:
    """Modules among some that are not the user's own, and those that the user's own among them use.

    Only modules that are loaded here are followed: what they have imported lies in their namespaces.

    :param names: modules that a task imports.
    """
    installed: set[str] = set()
    standard: set[str] = set()
    own: dict[str, bool] = {}
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        package = name.partition(".")[0]
        module = sys.modules.get(name)
        if name in seen or module is None or package in _NOT_PRELOADED:
            continue
        seen.add(name)
        if package not in own:
            own[package] = bool(locate(package))
        if own[package]:
            waiting += [home for value in list(vars(module).values()) for home in home_of(value)]
        elif package in sys.stdlib_module_names:
            standard.add(name)
        elif is_everywhere(package):
            installed.add(name)
    return Used(sorted(installed), sorted(standard))
