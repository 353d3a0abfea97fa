"""Which modules are the user's own, and which are installed.

What an installed distribution lists among its files is installed, wherever it lies: on PYTHONPATH, in the
target of ``pip install --target``, in site-packages. The standard library is installed too. All else is the
user's own, a package that was installed as editable included, and travels with a function. Where a
distribution does not list its files, as most of Debian's do not, what lies beside it is taken to be its own.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_OURS = frozenset({"azurebatch_emulator", "cloudpickle", "remotebatch"})
_SITE_NAMES = frozenset({"site-packages", "dist-packages"})
_METADATA = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class Location:
    """Where a top-level package or module of the user's lies."""

    name: str
    root: str
    """The directory, or zip archive, that it is imported from."""
    path: str
    """The package's directory, or the module's file."""
    is_package: bool


def locate(name: str) -> list[Location]:
    """Where the user's own top-level module of that name lies: several places for a namespace package.

    :returns: an empty list for a module that is installed, built in, or not there.
    """
    if name in _OURS or name.startswith("remotebatch_") or name in sys.builtin_module_names:
        return []
    module = sys.modules.get(name)
    spec = _spec(name, module)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        paths = [os.path.abspath(path) for path in spec.submodule_search_locations]
        found = [
            Location(name, os.path.dirname(path), path, True)
            for path in paths
            if os.path.basename(path) == name
        ]
    else:
        file = getattr(module, "__file__", None) or (spec.origin if spec.has_location else None)
        if file is None:
            return []
        path = os.path.abspath(file)
        found = [Location(name, os.path.dirname(path), path, False)]
    return [location for location in found if not _is_installed(location, spec)]


def _spec(name: str, module: ModuleType | None) -> Any:
    spec = getattr(module, "__spec__", None)
    if spec is not None:
        return spec
    if module is not None and getattr(module, "__file__", None):
        return importlib.util.spec_from_file_location(name, module.__file__)
    try:
        if module is None:
            return importlib.util.find_spec(name)
        # another object may have taken the module's place
        return None if isinstance(module, ModuleType) else PathFinder.find_spec(name)
    except (ImportError, ValueError, AttributeError):  # what a finder raises that knows a part of it
        return None


def _is_installed(location: Location, spec: ModuleSpec) -> bool:
    directory = location.root
    if _in_standard_library(location.path) or directory.endswith(".egg"):
        return True
    site = _site_directory(directory)
    relative = os.path.relpath(location.path, directory)
    if location.is_package and spec.origin is not None and spec.has_location:
        relative = os.path.join(relative, os.path.basename(spec.origin))
    elif location.is_package:
        relative += os.sep
    if site is not None and site.lists(relative):
        return True
    if os.path.basename(directory) not in _SITE_NAMES:
        return False
    return site is None or site.has_unlisted


@cache
def _standard_library() -> tuple[str, ...]:
    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib")} | {os.path.dirname(os.__file__)}
    return tuple({os.path.realpath(path) + os.sep for path in paths if path})


def _in_standard_library(path: str) -> bool:
    for directory in _standard_library():
        for form in (path, os.path.realpath(path)):
            if form.startswith(directory):
                return not _SITE_NAMES & set(form[len(directory) :].split(os.sep))
    return False


@dataclass(frozen=True)
class _SiteDirectory:
    """A directory that distributions are installed in."""

    records: bytes
    """The lists of files of all of them, one after another."""
    has_unlisted: bool
    """Whether one of them lists none."""

    def lists(self, relative: str) -> bool:
        """Whether a distribution lists a file; or, given with a slash at its end, anything in a directory."""
        name = relative.replace(os.sep, "/").encode()
        ends = [b""] if name.endswith(b"/") else [b",", b"\n"]
        return any(b"\n" + name + end in self.records for end in ends)


_site_directories: dict[str, tuple[int, _SiteDirectory | None]] = {}


def _site_directory(directory: str) -> _SiteDirectory | None:
    """The directory's distributions; None if there are none."""
    try:
        changed = os.stat(directory).st_mtime_ns
    except OSError:  # a zip archive, among others
        return None
    known = _site_directories.get(directory)
    if known is None or known[0] != changed:
        known = _site_directories[directory] = changed, _read_site_directory(directory)
    return known[1]


def _read_site_directory(directory: str) -> _SiteDirectory | None:
    try:
        metadata = [name for name in os.listdir(directory) if name.endswith(_METADATA)]
    except OSError:
        return None
    records: list[bytes] = []
    unlisted = False
    for name in metadata:
        listing = "RECORD" if name.endswith(".dist-info") else "installed-files.txt"
        try:
            with open(os.path.join(directory, name, listing), "rb") as file:
                records.append(_plain(file.read()))
        except OSError:
            unlisted = True
    return _SiteDirectory(b"\n".join([b"", *records, b""]), unlisted) if metadata else None


def _plain(listing: bytes) -> bytes:
    """A list of files, one a line, without quotes and without the way from the metadata to the files."""
    if b'"' in listing or listing.startswith(b"../"):
        listing = re.sub(rb'^"?(?:\.\./)?|"(?=,|$)', b"", listing, flags=re.MULTILINE)
    return listing.replace(b"\r\n", b"\n")
