"""Archives of the user's own packages and modules, made once and made again when a file has changed."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from remotebatch.errors import CannotSend
from remotebatch.files import files_in
from remotebatch.packing.exclusions import Exclusions
from remotebatch.packing.ownership import Location, zip_of
from remotebatch.packing.sources import constants_in, imports_in
from remotebatch_kernel.formats import code_package
from remotebatch_kernel.formats.code_package import File

LIMIT = 100 * 1024 * 1024
"""Bytes that a package may have; more is refused."""
_COMPILED = ".so"
_RACY_NS = 2_000_000_000
"""A file that was changed so shortly before it was read may be changed again without a sign of it."""
_ATTEMPTS = 10
"""How often a folder is listed again because a file has vanished that was there when it was listed."""


@dataclass(frozen=True)
class Archive:
    """A package, module, folder or file as it was when it was read."""

    digest: str
    """SHA-256 of names and contents, in hex."""
    data: bytes
    imports: frozenset[str]
    """Top-level names of the modules that its files import."""
    constants: Mapping[str, Mapping[str, Any]]
    """Path of a module's file → name → value, of the literals in it; relative to the root."""
    compiled: bool
    """Whether there are compiled modules in it."""


class _Found(NamedTuple):
    name: str
    """Path relative to the root, with forward slashes."""
    path: str
    size: int
    identity: tuple[int, int, int]
    """What differs when the file has been written or replaced, whatever its time and size are."""
    changed: int
    """When that was, in nanoseconds since the epoch."""
    executable: bool


class _Known(NamedTuple):
    files: tuple[_Found, ...]
    read_at: int
    archive: Archive

    def still(self, files: tuple[_Found, ...]) -> bool:
        """Whether the files are certain to be as they were."""
        return files == self.files and all(file.changed < self.read_at - _RACY_NS for file in files)


_known: dict[tuple[Location, tuple[str, ...]], _Known] = {}
_lock = threading.Lock()


def archive_of(location: Location, leave_out: Exclusions) -> Archive:
    """The archive of a package, module, folder or file; unchanged files are not read again.

    :raises CannotSend: if it is too large, or a file cannot be read, naming the file.
    """
    zipped = zip_of(location.root)
    if zipped is not None:
        try:
            return _make(_files_in_zip(location, *zipped))
        except (OSError, zipfile.BadZipFile) as error:
            raise CannotSend(
                f"{location.name!r}, which would travel with the function, cannot be read from the zip "
                f"archive {zipped[0]!r}: {error}"
            ) from error
    key = location, leave_out.patterns
    for attempt in range(1, _ATTEMPTS + 1):
        read_at = time.time_ns()
        try:
            files = tuple(_find(location, leave_out))
            with _lock:
                known = _known.get(key)
            if known is not None and known.still(files):
                return known.archive
            _check_size(location, {file.name: file.size for file in files})
            contents = [_read(file) for file in files]
            break
        except FileNotFoundError as error:
            if attempt == _ATTEMPTS or not os.path.exists(location.path):
                raise CannotSend(_unreadable(location, error)) from error
        except OSError as error:
            raise CannotSend(_unreadable(location, error)) from error
    archive = _make(contents)
    if known is not None and known.archive.digest == archive.digest:
        archive = known.archive
    with _lock:
        _known[key] = _Known(files, read_at, archive)
    return archive


def _make(files: Sequence[File]) -> Archive:
    digest = hashlib.sha256()
    imports: set[str] = set()
    constants: dict[str, dict[str, Any]] = {}
    for name, content, executable in files:
        digest.update(f"{name}\0{int(executable)}{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
        if name.endswith(".py"):
            imports |= imports_in(content)
            found = constants_in(content)
            if found:
                constants[name] = found
    compiled = any(file.name.endswith(_COMPILED) for file in files)
    return Archive(digest.hexdigest(), code_package.pack(files), frozenset(imports), constants, compiled)


def _find(location: Location, leave_out: Exclusions) -> Iterator[_Found]:
    """The files of a package, module, folder or file, in their order."""
    place = location.place
    if not location.is_folder:
        yield _found(place, location.path, os.stat(location.path))
        return
    prefix = "" if place == "." else f"{place}/"
    wanted = files_in(
        location.path, lambda entry, name, is_folder: leave_out.entry(entry, prefix + name, is_folder)
    )
    for file in wanted:
        yield _found(prefix + file.name, file.path, file.status)


def _found(name: str, path: str, status: os.stat_result) -> _Found:
    identity = status.st_ino, status.st_mtime_ns, status.st_ctime_ns
    return _Found(name, path, status.st_size, identity, status.st_ctime_ns, bool(status.st_mode & 0o100))


def _read(file: _Found) -> File:
    try:
        with open(file.path, "rb") as opened:
            return File(file.name, opened.read(), file.executable)
    except OSError as error:
        error.filename = file.path  # which a failed read does not name
        raise


def _unreadable(location: Location, error: OSError) -> str:
    return (
        f"{os.fsdecode(error.filename or location.path)!r}, which is part of {location.name!r} and would "
        f"travel with the function, cannot be read ({error.strerror}): make it readable, or leave it "
        f"out with exclude="
    )


def _check_size(location: Location, sizes: Mapping[str, int]) -> None:
    """Refuse what is too large.

    :param sizes: file → bytes.
    """
    size = sum(sizes.values())
    if size <= LIMIT:
        return
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    shown = ", ".join(f"{name!r} ({sizes[name] / 1e6:.0f} MB)" for name in largest)
    raise CannotSend(
        f"{location.name!r} in {location.root} has {size / 1e6:.0f} MB, more than the {LIMIT / 1e6:.0f} MB "
        f"that a package may have that travels with a function; its largest files: {shown}. Leave out what "
        f"the function does not need, such as exclude=[{largest[0]!r}]; data can be sent with "
        f"input_files=, single files with include="
    )


def _files_in_zip(location: Location, path: str, inside: str) -> list[File]:
    """The files of a package or module.

    :param path: of the zip archive.
    :param inside: path of the root in it; empty for the archive itself.
    """
    prefix = f"{inside}/" if inside else ""
    place = location.place
    with zipfile.ZipFile(path) as archive:
        entries = {}
        for entry in archive.infolist():
            relative = entry.filename.removeprefix(prefix)
            wanted = relative.startswith(f"{place}/") if location.is_folder else relative == place
            if wanted and entry.filename.startswith(prefix) and not relative.endswith(("/", ".pyc")):
                entries[relative] = entry
        _check_size(location, {name: entry.file_size for name, entry in entries.items()})
        return [File(name, archive.read(entry), False) for name, entry in sorted(entries.items())]
