"""Which modules are the user's own, and where they lie.

What an installed distribution lists among its files is installed, wherever it lies: on PYTHONPATH, in the
target of ``pip install --target``, in site-packages. The standard library is installed too. All else is the
user's own, a package that was installed as editable included, and travels with a function. What is loaded is
asked first, else the import system, at every submission anew.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from remotebatch.packing.installed import (
    SITE_NAMES,
    default_directories,
    editable_metadata,
    holds_distributions,
    in_standard_library,
    is_listed,
    standard_library,
)

OURS = frozenset(
    {
        "azurebatch_emulator",
        "cloudpickle",
        "remotebatch",
        "remotebatch_azurebatch",
        "remotebatch_execution",
        "remotebatch_images",
        "remotebatch_kernel",
        "remotebatch_local",
    }
)
"""Packages that every task has, or that none has a use for."""

PROGRAMS = frozenset({"__main__", "__mp_main__"})
"""Modules that are the program itself."""


@dataclass(frozen=True)
class Location:
    """A package, module, folder or file of the user's that travels as a whole."""

    name: str
    """What the user calls it."""
    root: str
    """The directory, or zip archive, that it is put in relation to: mostly one on ``sys.path``."""
    path: str
    """The folder or file."""
    is_folder: bool
    module: str | None = None
    """Name of the module that it is, where its place below the root does not say so."""

    @property
    def place(self) -> str:
        """Its path relative to the root, with forward slashes; "." for the root itself."""
        return os.path.relpath(self.path, self.root).replace(os.sep, "/")


def locate(name: str) -> list[Location]:
    """Where the user's own top-level module of that name lies: several places for a namespace package.

    :returns: an empty list for a module that is installed, built in, or not there.
    """
    return [] if name in OURS else [found for found in places(name) if not is_installed(found)]


def places(name: str) -> list[Location]:
    """Where a top-level module lies, whoever's it is."""
    if name in PROGRAMS:
        return []
    module = sys.modules.get(name)
    spec = _spec(name, module)
    paths = getattr(module, "__path__", None)
    if paths is None:
        paths = getattr(spec, "submodule_search_locations", None)
    file = _file_of(module, spec)
    if paths is None:
        return [] if file is None else [_of_file(name, file)]
    folders = list(dict.fromkeys(_absolute(path) for path in paths if isinstance(path, str)))
    if module is None and file is not None:
        folders += _further_portions(name, file)
    if file is None and len(folders) == 1 and _is_hidden(name, module):
        return [Location(name, os.path.dirname(folders[0]), folders[0], True, name)]
    return [found for folder in folders if (found := _of_folder(name, folder, file)) is not None]


def is_everywhere(name: str) -> bool:
    """Whether a top-level module is installed where this Python finds it without being told."""
    return name in OURS or all(
        is_installed(found) and found.root in default_directories() for found in places(name)
    )


def further_installed() -> list[tuple[str, bool]]:
    """Directories of installed packages that this Python was told of, as by PYTHONPATH, from last to first.

    :returns: their paths, and whether each comes before the standard library on ``sys.path``.
    """
    order = roots()
    told = [root for root in order if root not in default_directories() and holds_distributions(root)]
    return [(root, is_front(root, order)) for root in reversed(told)]


def has_installed(root: str) -> bool:
    """Whether installed packages may lie in a directory, besides the user's own."""
    return (
        root in default_directories()
        or os.path.basename(root) in SITE_NAMES
        or holds_distributions(root)
        or any(os.path.exists(os.path.join(root, name)) for name in OURS)
    )


def metadata_of(location: Location) -> list[Location]:
    """The metadata of the editable installs that something is part of: its version, its entry points."""
    return [
        Location(os.path.basename(folder), root, folder, True)
        for root in roots()
        for folder in editable_metadata(location.path, root)
        if os.path.basename(folder).partition("-")[0] not in OURS
    ]


def is_front(root: str, order: Mapping[str, int]) -> bool:
    """Whether a root comes before the standard library; what is not on ``sys.path`` does.

    What is not on it, or not any more, is loaded here, and so comes before what else has its name.
    """
    library = min((order[path] for path in standard_library() if path in order), default=0)
    return order.get(root, -1) < library


def misplaced(name: str) -> Location | None:
    """A loaded module of a dotted name, if its file lies where no import of that name would find it."""
    module = sys.modules.get(name)
    if module is None or module.__name__ != name:  # another module under a second name
        return None
    file = _file_of(module, module.__spec__)
    if file is None:
        return None
    parent, _, last = name.rpartition(".")
    is_package = os.path.basename(file).startswith("__init__.")
    path = os.path.dirname(file) if is_package else file
    stem = os.path.basename(path) if is_package else os.path.basename(path).partition(".")[0]
    searched = getattr(sys.modules.get(parent), "__path__", None) or ()
    if stem == last and any(_absolute(folder) == os.path.dirname(path) for folder in searched):
        return None
    found = Location(name, root_of(path), path, is_package, name)
    return None if is_installed(found) else found


def is_installed(location: Location) -> bool:
    """Whether something is part of the standard library or of an installed distribution."""
    if in_standard_library(location.path) or location.root.endswith(".egg"):
        return True
    witness = location.path
    if location.is_folder:
        initial = os.path.join(witness, "__init__.py")
        witness = initial if os.path.exists(initial) else witness
    if is_listed(witness, location.root):
        return True
    real = os.path.realpath(witness)
    directories = {root_of(real), os.path.dirname(location.path)} - {location.root}
    return any(is_listed(real, directory) for directory in directories)


def roots() -> dict[str, int]:
    """The directories on ``sys.path``, as they were when they were first searched, with their places."""
    found: dict[str, int] = {}
    for place, entry in enumerate(sys.path):
        if isinstance(entry, str):  # Python passes over all others
            searched = getattr(sys.path_importer_cache.get(entry), "path", None) if entry else None
            found.setdefault(_absolute(searched if isinstance(searched, str) else entry), place)
    return found


def root_of(path: str) -> str:
    """The innermost directory on ``sys.path`` that a file or folder lies in; else its own directory."""
    known = [root for root in roots() if path.startswith(root.rstrip(os.sep) + os.sep)]
    return max(known, key=len, default=os.path.dirname(path))


def _spec(name: str, module: ModuleType | None) -> Any:
    if isinstance(module, ModuleType):
        return getattr(module, "__spec__", None)
    try:
        if module is not None:  # another object has taken the module's place
            return PathFinder.find_spec(name)
        return importlib.util.find_spec(name)
    except Exception:  # a finder of the user's, or of a library; an import of that name would fail too
        return None


def _file_of(module: ModuleType | None, spec: Any) -> str | None:
    """The file of a module; None if it has none that is there."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        file = getattr(spec, "origin", None) if getattr(spec, "has_location", False) else None
    if not isinstance(file, str) or not (os.path.isfile(file) or zip_of(file)):  # a folder, if pytest says so
        return None
    return _absolute(file)


def _of_file(name: str, file: str) -> Location:
    if os.path.basename(file).partition(".")[0] == name:
        return Location(name, os.path.dirname(file), file, False)
    return Location(name, root_of(file), file, False, name)


def _of_folder(name: str, folder: str, file: str | None) -> Location | None:
    """One of the folders of a package."""
    if not (os.path.isdir(folder) or zip_of(folder)):
        return None  # a mark of the finder of an editable install, or gone
    if os.path.basename(folder) == name:
        return Location(name, os.path.dirname(folder), folder, True)
    if file is not None and os.path.dirname(file) == folder:
        return Location(name, root_of(folder), folder, True, name)
    if any(folder.startswith(root.rstrip(os.sep) + os.sep) for root in roots()):
        return Location(name, root_of(folder), folder, True)  # where the package looks for it
    return None


def _is_hidden(name: str, module: ModuleType | None) -> bool:
    """Whether an import would find another package than a namespace package that is loaded.

    pytest loads the folder of tests whatever package of that name is installed.
    """
    found = None if module is None else PathFinder.find_spec(name)
    return found is not None and found.has_location


def _further_portions(name: str, file: str) -> Iterator[str]:
    """Folders that a package which is not loaded will find when it extends its ``__path__``."""
    try:
        with open(file, "rb") as opened:
            extends = b"__path__" in opened.read()
    except OSError:  # in a zip archive
        return
    if extends:
        for root in roots():
            folder = os.path.join(root, name)
            if folder != os.path.dirname(file) and os.path.exists(os.path.join(folder, "__init__.py")):
                yield folder


def zip_of(path: str) -> tuple[str, str] | None:
    """The zip archive that a path lies in, and the rest of it; None for one in a directory."""
    archive, inside = path, ""
    while not os.path.exists(archive) and os.path.dirname(archive) != archive:
        archive, _, last = archive.rpartition(os.sep)
        inside = f"{last}/{inside}" if inside else last
    return (archive, inside) if os.path.isfile(archive) and _is_zip(archive, os.stat(archive)) else None


@lru_cache(maxsize=256)
def _is_zip(path: str, _: os.stat_result) -> bool:
    import zipfile

    return zipfile.is_zipfile(path)


def _absolute(path: str) -> str:
    return os.path.abspath(path)
