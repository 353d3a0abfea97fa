"""The code package: the user's own modules as files, in archives that their content names.

An archive holds one top-level package or module. On a node, the archives of a function are laid out as one
tree, once. In the tree there is a directory for each of the client's own directories on ``sys.path``, which
takes its place there; it is named by its number::

    <tree>/0/helpers.py
    <tree>/0/project/__init__.py
    <tree>/1/...

The function object's header describes the tree (see :class:`Description`).
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest
_WRITTEN = 315532800.0
"""When the files are said to have been written, which is compared with compiled ones: they never change."""
_FASTEST = 1
_BYTES = b"bytes"
"""Comment on a file whose name stands for bytes, one character each."""
_READ_ONLY, _EXECUTABLE = 0o444, 0o555


class File(NamedTuple):
    """A file of an archive."""

    name: str
    """Relative path, with forward slashes."""
    content: bytes
    executable: bool


class Root(NamedTuple):
    """One of the client's own directories."""

    origin: str
    """Its path at the client, for tracebacks."""
    front: bool
    """Whether it comes before the standard library on ``sys.path``, or else after all else."""
    archives: list[str]
    """Digests of what lies in it."""
    has_installed: bool = False
    """Whether installed packages lie in it too, so that it stays on ``sys.path`` where a node has it."""


class Description(NamedTuple):
    """What a function needs to find its own modules."""

    digest: str
    """Names the tree by its content."""
    roots: list[Root]
    platform: str
    """Platform that compiled modules in it are for; empty if there are none."""
    names: dict[str, str]
    """Name of a module → its path in the tree, where that does not lie as its name says."""

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Description:
        """Read a description as it stands in a header."""
        digest, roots, platform, names = plain
        return cls(digest, [Root(*root) for root in roots], platform, names)


def pack(files: Iterable[File]) -> bytes:
    """Make an archive."""
    import zipfile  # it loads every compression library there is, for which the kernel has no use otherwise

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_FASTEST) as archive:
        for file in files:
            name = file.name
            as_bytes = name.encode(errors="surrogateescape")
            if as_bytes != name.encode(errors="replace"):  # not UTF-8, which is all that an archive takes
                name = as_bytes.decode("latin-1")
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.comment = _BYTES if name != file.name else b""
            entry.external_attr = (_EXECUTABLE if file.executable else _READ_ONLY) << 16
            archive.writestr(entry, file.content, zipfile.ZIP_DEFLATED, _FASTEST)
    return buffer.getvalue()


def lay(tree: str, roots: Iterable[Iterable[str | IO[bytes]]]) -> None:
    """Lay archives out as a tree: whole or absent, also when several processes lay it at once.

    Files that are missing in a tree which is there, or have been changed, are put back.

    :param roots: for each directory of the tree the archives in it, as paths or open files.
    :raises OSError: if that is not possible; nothing is left of it.
    """
    if os.path.isdir(tree):
        for number, archives in enumerate(roots):
            _extract(archives, os.path.join(tree, str(number)))
        return
    import shutil
    import tempfile

    temporary = tempfile.mkdtemp(dir=os.path.dirname(tree), prefix=f".{os.path.basename(tree)}.")
    try:
        for number, archives in enumerate(roots):
            _extract(archives, os.path.join(temporary, str(number)))
        for directory, _, _ in os.walk(temporary):
            os.chmod(directory, 0o755)  # noqa: S103 - containers run as other users
        os.rename(temporary, tree)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if not (isinstance(error, OSError) and os.path.isdir(tree)):  # another process was faster
            raise


def _extract(archives: Iterable[str | IO[bytes]], directory: str) -> None:
    """Write the files of archives that are not there; of two of one name, the first."""
    import zipfile

    written: set[str] = set()
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                name = (
                    os.fsdecode(entry.filename.encode("latin-1"))
                    if entry.comment == _BYTES
                    else entry.filename
                )
                path = os.path.normpath(os.path.join(directory, name))
                if not path.startswith(directory + os.sep):
                    raise OSError(f"a code archive names {entry.filename!r}, which lies outside of it")
                # in another archive, as a file that is included by itself as well
                if path not in written and not _is_as_written(path, entry.file_size):
                    _write(path, opened.read(entry), entry.external_attr >> 16)
                written.add(path)


def _is_as_written(path: str, size: int) -> bool:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return status.st_size == size and status.st_mtime == _WRITTEN and stat.S_ISREG(status.st_mode)


def _write(path: str, content: bytes, mode: int) -> None:
    """Write a file, whole or not at all: others may read it meanwhile."""
    import tempfile

    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, mode)
        os.utime(temporary, (_WRITTEN, _WRITTEN))
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
