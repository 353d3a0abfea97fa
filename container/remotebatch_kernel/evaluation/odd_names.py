"""Imports modules whose files do not lie as their names say.

Such are a plugin that was loaded from a file by hand, a test module of pytest, a package that an editable
install gives another name than its folder has.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType


class OddNames:
    """A finder for ``sys.meta_path``.

    :param paths: name of a module → its file, or the folder of a package.
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = paths

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module; an empty package where one is asked for only as a parent of others."""
        found = self._paths.get(name)
        if found is None:
            if any(known.startswith(f"{name}.") for known in self._paths) and _is_nowhere(name, path):
                return importlib.machinery.ModuleSpec(name, None, is_package=True)
            return None
        if not os.path.isdir(found):
            return importlib.util.spec_from_file_location(name, found)
        initial = os.path.join(found, "__init__.py")
        if os.path.exists(initial):
            return importlib.util.spec_from_file_location(name, initial, submodule_search_locations=[found])
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [found]
        return spec


def install(paths: dict[str, str]) -> None:
    """Have the modules found before any other of the same names."""
    sys.meta_path.insert(0, OddNames(paths))


def _is_nowhere(name: str, path: Sequence[str] | None) -> bool:
    found = importlib.machinery.PathFinder.find_spec(name, path)
    return found is None and name not in sys.builtin_module_names
