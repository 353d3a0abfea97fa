"""Stand-ins, on the node, for the user's own modules, which travel by value and are not installed.

The path ``remotebatch_kernel.modules.get_module`` stands in stored function and inputs objects, so neither
the module nor the function may be moved or renamed.

A packed function brings what it uses of its author's modules. Here those pieces get a place under
their own module's name, so that ``import helpers`` inside the function finds them, and an exception
or a dataclass of ``helpers`` is pickled by that name in the result: the client, which has the
real module, gets its own class back.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class TravelledModule(ModuleType):
    """Holds what was packed of one of the user's modules."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []  # any of them may be a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"module {self.__name__!r} travelled without {name!r}: only what the submitted function "
            f"was seen to use is sent. Name it in the function (or install the module in the image)"
        )


def get_module(name: str) -> ModuleType:
    """The module of that name, made with its parents where the node has none."""
    module = sys.modules.get(name)
    if module is None:
        module = sys.modules[name] = TravelledModule(name)
        parent, _, last = name.rpartition(".")
        module.__package__ = parent
        if parent:
            setattr(get_module(parent), last, module)
    return module


def install(modules: dict[str, dict[str, Any]]) -> None:
    """Give every travelled definition its place in its module."""
    for name, definitions in modules.items():
        vars(get_module(name)).update(definitions)
