"""What is installed: the standard library, and what distributions list among their files."""

from __future__ import annotations

import json
import os
import re
import site
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote, urlsplit

SITE_NAMES = frozenset({"site-packages", "dist-packages"})
_METADATA = (".dist-info", ".egg-info")
_LISTED = re.compile(rb'^"?(?:\.\./)?(.*?)"?(?:,[^,\n]*,[^,\n]*)?\r?$', re.MULTILINE)
"""A line of a list of files: maybe quoted, maybe with checksum and size, maybe relative to its metadata."""


def in_standard_library(path: str) -> bool:
    """Whether a file or folder is part of the standard library."""
    directories = _standard_library()
    for form in (path, os.path.realpath(path)):
        for directory in directories:
            if form.startswith(directory):
                return not SITE_NAMES & set(form[len(directory) :].split(os.sep))
    return False


@cache
def standard_library() -> frozenset[str]:
    """Directories of the standard library, as they stand on ``sys.path``."""
    paths = (sysconfig.get_path(key) for key in ("stdlib", "platstdlib"))
    return frozenset({os.path.dirname(os.__file__), *filter(None, paths)})


@cache
def default_directories() -> frozenset[str]:
    """Where this Python looks for modules without being told: the standard library and site-packages."""
    sites = site.getsitepackages([sys.prefix, sys.base_prefix])
    return standard_library() | {*sites, site.getusersitepackages()}


@cache
def _standard_library() -> tuple[str, ...]:
    return tuple({os.path.realpath(path) + os.sep for path in standard_library()})


def is_listed(path: str, directory: str) -> bool:
    """Whether a distribution in a directory installed a file, or anything in a folder.

    Where distributions there list no files, as most of Debian's do not, all in it is taken for theirs.
    """
    site = _site_directory(directory)
    relative = os.path.relpath(path, directory).replace(os.sep, "/").encode(errors="surrogateescape")
    if site is not None and (relative in site.files or relative in site.folders):
        return True
    return os.path.basename(directory) in SITE_NAMES and (site is None or site.has_unlisted)


def editable_metadata(path: str, directory: str) -> list[str]:
    """Folders in a directory with the metadata of editable installs that a file or folder is part of."""
    site_directory = _site_directory(directory)
    known = {} if site_directory is None else site_directory.editable
    return [folder for folder, project in known.items() if path.startswith(project + os.sep)]


def holds_distributions(directory: str) -> bool:
    """Whether distributions are installed in a directory that list their files."""
    found = _site_directory(directory)
    return found is not None and bool(found.files)


@dataclass(frozen=True)
class _SiteDirectory:
    """A directory that distributions are installed in."""

    files: frozenset[bytes]
    """What they list, by paths relative to the directory."""
    folders: frozenset[bytes]
    """Folders that some of it lies in."""
    has_unlisted: bool
    """Whether one of them lists none."""
    editable: dict[str, str]
    """Folder with the metadata of an editable install → folder of the project."""


_site_directories: dict[str, tuple[int, _SiteDirectory | None]] = {}


def _site_directory(directory: str) -> _SiteDirectory | None:
    """The directory's distributions; None if there are none."""
    try:
        changed = os.stat(directory).st_mtime_ns
    except OSError:  # inside a zip archive, among others
        return None
    known = _site_directories.get(directory)
    if known is None or known[0] != changed:
        known = _site_directories[directory] = changed, _read_site_directory(directory)
    return known[1]


def _read_site_directory(directory: str) -> _SiteDirectory | None:
    try:
        metadata = [name for name in os.listdir(directory) if name.endswith(_METADATA)]
    except OSError:  # a zip archive, among others
        return None
    if not metadata:
        return None
    files: set[bytes] = set()
    unlisted = False
    for name in metadata:
        listing = "RECORD" if name.endswith(".dist-info") else "installed-files.txt"
        try:
            with open(os.path.join(directory, name, listing), "rb") as file:
                files.update(_LISTED.findall(file.read()))
        except OSError:
            unlisted = True
    editable = {}
    for name in metadata:
        described = os.path.join(directory, name)
        project = _editable_project(described)
        if project is not None:
            editable[described] = project
    folders: set[bytes] = set()
    for path in files:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    return _SiteDirectory(frozenset(files), frozenset(folders), unlisted, editable)


def _editable_project(metadata: str) -> str | None:
    """The project's folder, where a distribution's metadata say that it is an editable install (PEP 610)."""
    try:
        with open(os.path.join(metadata, "direct_url.json"), "rb") as file:
            origin = json.load(file)
        if not origin["dir_info"]["editable"]:
            return None
        return unquote(urlsplit(origin["url"]).path).rstrip("/")
    except (OSError, ValueError, KeyError, TypeError):  # none, as most have none
        return None
