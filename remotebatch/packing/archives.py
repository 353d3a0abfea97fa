"""Archives of the user's own packages and modules, made once and made again when a file has changed."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from remotebatch.errors import CannotSend
from remotebatch.packing.ownership import Location
from remotebatch_kernel.formats import code_package
from remotebatch_kernel.formats.code_package import File

LIMIT = 100 * 1024 * 1024
"""Bytes that a package may have; more is refused."""
EXCLUDED = (
    "__pycache__",
    "*.py[cod]",
    ".git",
    ".hg",
    ".svn",
    ".tox",
    ".nox",
    ".venv",
    ".*_cache",
    ".ipynb_checkpoints",
    "node_modules",
    "*.egg-info",
    # what is secret
    ".env",
    ".env.*",
    ".netrc",
    ".pypirc",
    ".aws",
    ".ssh",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "id_rsa*",
    "id_ed25519*",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "credentials.ini",
    "credentials.y*ml",
    "secrets.json",
    "secrets.toml",
    "secrets.y*ml",
)
"""Names of files and folders that never travel, as :mod:`fnmatch` reads them."""
_IMPORTS = re.compile(
    rb"(?:^|;|:)[ \t]*(?:from[ \t]+([A-Za-z_][\w.]*)[ \t]+import\b|import[ \t]+([^\n;#]+))", re.MULTILINE
)
_DYNAMIC = re.compile(rb"(?:import_module|__import__|importorskip)\(\s*['\"]([A-Za-z_][\w.]*)")
_COMPILED = (".so", ".pyd")
_RACY_NS = 2_000_000_000
"""A file that was written so shortly before it was read may be written again without a change of its time."""


@dataclass(frozen=True)
class Archive:
    """A top-level package or module as it was when it was read."""

    digest: str
    """SHA-256 of names and contents, in hex."""
    data: bytes
    imports: frozenset[str]
    """Top-level names of the modules that its files import."""
    compiled: bool
    """Whether there are compiled modules in it."""


class _Found(NamedTuple):
    name: str
    path: str
    size: int
    changed: int
    executable: bool


@dataclass(frozen=True)
class _Known:
    files: tuple[_Found, ...]
    read_at: int
    archive: Archive

    def still(self, files: tuple[_Found, ...]) -> bool:
        """Whether the files are certain to be as they were."""
        return files == self.files and all(file.changed < self.read_at - _RACY_NS for file in files)


_known: dict[tuple[Location, tuple[str, ...]], _Known] = {}
_lock = threading.Lock()


def archive_of(location: Location, exclude: Sequence[str] = ()) -> Archive:
    """The archive of a package or module; unchanged files are not read again.

    :param exclude: further names to leave out; with a slash, paths relative to the root.
    :raises CannotSend: if it is too large, naming its largest files.
    :raises OSError: if a file cannot be read.
    """
    key = location, tuple(exclude)
    zipped = _zip_of(location.root)
    if zipped is not None:
        return _make(location, list(_files_in_zip(location, zipped)))
    read_at = time.time_ns()
    files = tuple(_find(location, (*EXCLUDED, *exclude)))
    with _lock:
        known = _known.get(key)
    if known is not None and known.still(files):
        return known.archive
    _check_size(location, files)
    archive = _make(location, [_read(file) for file in files])
    with _lock:
        _known[key] = _Known(files, read_at, archive)
    return archive


def imports_of(source: bytes) -> set[str]:
    """Top-level names of what the import statements in a source file name."""
    names: set[bytes] = set()
    for from_, plain in _IMPORTS.findall(source):
        names.update([from_] if from_ else (part.split()[0] for part in plain.split(b",") if part.split()))
    names.update(_DYNAMIC.findall(source))
    first = {name.partition(b".")[0].decode(errors="replace") for name in names}
    return {name for name in first if name.isidentifier()}


def _make(location: Location, files: list[File]) -> Archive:
    digest = hashlib.sha256()
    imports: set[str] = set()
    for name, content, executable in files:
        digest.update(f"{name}\0{int(executable)}{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
        if name.endswith(".py"):
            imports |= imports_of(content)
    compiled = any(file.name.endswith(_COMPILED) for file in files)
    return Archive(digest.hexdigest(), code_package.pack(files), frozenset(imports), compiled)


def _find(location: Location, exclude: Sequence[str]) -> Iterator[_Found]:
    """The files of a package or module, in their order."""
    if not location.is_package:
        yield _found(location, os.stat(location.path), location.path)
        return
    seen: set[tuple[int, int]] = set()
    for directory, directories, names in os.walk(location.path, followlinks=True):
        here = os.stat(directory)
        if (here.st_dev, here.st_ino) in seen:  # a link to a directory that it lies in
            directories.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        inside = f"{directory[len(location.root) + 1 :]}{os.sep}"
        directories[:] = sorted(
            name
            for name in directories
            if not _is_excluded(name, inside + name, exclude)
            and not os.path.exists(os.path.join(directory, name, "pyvenv.cfg"))
        )
        for name in sorted(names):
            path = os.path.join(directory, name)
            if not _is_excluded(name, inside + name, exclude):
                try:
                    status = os.stat(path)
                except FileNotFoundError:  # a link to nothing
                    continue
                if stat.S_ISREG(status.st_mode):
                    yield _found(location, status, path)


def _found(location: Location, status: os.stat_result, path: str) -> _Found:
    name = path[len(location.root) + 1 :].replace(os.sep, "/")
    return _Found(name, path, status.st_size, status.st_mtime_ns, bool(status.st_mode & 0o100))


@lru_cache(maxsize=64)
def _patterns(exclude: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns for names, and for paths."""
    names = [fnmatch.translate(pattern) for pattern in exclude if "/" not in pattern.strip("/")]
    paths = [fnmatch.translate(pattern.strip("/")) for pattern in exclude if "/" in pattern.strip("/")]
    never = "(?!)"
    return re.compile("|".join(names) or never), re.compile("|".join(paths) or never)


def _is_excluded(name: str, path: str, exclude: Sequence[str]) -> bool:
    names, paths = _patterns(tuple(exclude))
    return names.match(name) is not None or paths.match(path) is not None


def _read(file: _Found) -> File:
    with open(file.path, "rb") as opened:
        return File(file.name, opened.read(), file.executable)


def _check_size(location: Location, files: Sequence[_Found]) -> None:
    size = sum(file.size for file in files)
    if size <= LIMIT:
        return
    largest = sorted(files, key=lambda file: -file.size)[:3]
    shown = ", ".join(f"{file.name} ({file.size / 1e6:.0f} MB)" for file in largest)
    raise CannotSend(
        f"the code of {location.name!r} in {location.root} has {size / 1e6:.0f} MB, more than the "
        f"{LIMIT / 1e6:.0f} MB that may travel with a function; its largest files: {shown}. "
        f"Leave them out with exclude=, or send data with input_files="
    )


def _zip_of(root: str) -> tuple[str, str] | None:
    """The zip archive that a root lies in, and the folder in it; None for a directory."""
    path, inside = root, ""
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path, _, last = path.rpartition(os.sep)
        inside = f"{last}/{inside}"
    return (path, inside) if os.path.isfile(path) and zipfile.is_zipfile(path) else None


def _files_in_zip(location: Location, zipped: tuple[str, str]) -> Iterator[File]:
    path, inside = zipped
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            relative = name.removeprefix(inside)
            wanted = f"{location.name}/" if location.is_package else os.path.basename(location.path)
            if name.startswith(inside) and relative.startswith(wanted) and not name.endswith(("/", ".pyc")):
                yield File(relative, archive.read(name), False)
