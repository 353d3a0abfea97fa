"""What earlier versions named in the pickles that they stored.

The path ``remotebatch_kernel.modules.get_module`` stands in stored function and inputs objects, so neither
the module nor the function may be moved or renamed.
"""

from __future__ import annotations

import sys
from types import ModuleType


def get_module(name: str) -> ModuleType:
    """The module of that name, made with its parents where there is none."""
    module = sys.modules.get(name)
    if module is None:
        module = sys.modules[name] = ModuleType(name)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(get_module(parent), last, module)
    return module
