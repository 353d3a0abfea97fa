"""What the setting ``include`` names, found."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from remotebatch.errors import InvalidSetting
from remotebatch.packing.installed import in_standard_library
from remotebatch.packing.ownership import OURS, Location, locate, places, roots


def included(
    names: Iterable[str | os.PathLike[str]], script: Location | None, known: Collection[Location]
) -> list[Location]:
    """Where modules, files and folders lie that are to travel.

    :param names: a module's name, or a path, relative ones to the current directory. A word that is both is
        the file of that name, or else the module; ``./word`` is always a path.
    :param script: the script's own file, beside which files and folders may lie.
    :param known: what travels already.
    :raises InvalidSetting: if there is no such thing, or no place for it in a task.
    """
    return [location for name in names for location in _included(name, script, known)]


def _included(
    name: str | os.PathLike[str], script: Location | None, known: Collection[Location]
) -> list[Location]:
    path = os.path.abspath(os.path.expanduser(name))
    may_be_module = isinstance(name, str) and all(part.isidentifier() for part in name.split("."))
    if may_be_module and not os.path.isfile(path):
        found = _module(str(name).partition(".")[0])
        if found:
            return found
    if not os.path.exists(path):
        what = "neither a module that can be imported here nor" if may_be_module else "not"
        raise InvalidSetting(f"setting include: {os.fspath(name)!r} is {what} a file or folder that is there")
    root = _root_for(path, script, known)
    if root is None:
        raise InvalidSetting(
            f"setting include: {os.fspath(name)!r} lies neither in a directory on sys.path nor beside the "
            f"script, so no module could find it in a task: put it beside your modules, or send it with "
            f"input_files="
        )
    return [Location(os.fspath(name), root, path, os.path.isdir(path))]


def _module(name: str) -> list[Location]:
    """A top-level module, also one that is installed: where the tasks do not have it, they get it."""
    if name in OURS:
        raise InvalidSetting(f"setting include: {name!r} is part of remotebatch, which every task has")
    found = places(name)
    if any(in_standard_library(location.path) for location in found):
        raise InvalidSetting(f"setting include: {name!r} is part of Python, which every task has")
    return locate(name) or found


def _root_for(path: str, script: Location | None, known: Collection[Location]) -> str | None:
    """The directory that a path is put in relation to."""
    for location in known:  # as its neighbours are
        if location.is_folder and _is_in(path, location.path):
            return location.root
    candidates = [*roots(), *(location.root for location in known)]
    if script is not None:
        candidates.append(script.root)
    return max((root for root in candidates if _is_in(path, root)), key=len, default=None)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
