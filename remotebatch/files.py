"""The files in a folder, with their state."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class FoundFile(NamedTuple):
    """A regular file, or a link to one."""

    name: str
    """Path relative to the folder, with forward slashes."""
    path: str
    status: os.stat_result


def files_in(
    folder: str, leave_out: Callable[[os.DirEntry[str], str, bool], bool] | None = None
) -> Iterator[FoundFile]:
    """The files in a folder and in the folders in it, ordered by name; links are followed.

    Links to nothing, links to a folder that they lie in, pipes, sockets and devices are passed over.

    :param leave_out: told the entry, its path relative to the folder, and whether it is a folder itself.
    :raises OSError: if a folder cannot be read.
    """
    here = os.stat(folder)
    yield from _files(folder, "", leave_out, frozenset({(here.st_dev, here.st_ino)}))


def _files(
    folder: str,
    inside: str,
    leave_out: Callable[[os.DirEntry[str], str, bool], bool] | None,
    above: frozenset[tuple[int, int]],
) -> Iterator[FoundFile]:
    with os.scandir(folder) as scanned:
        entries = sorted(scanned, key=lambda entry: entry.name)
    for entry in entries:
        try:
            status = entry.stat()
        except OSError as error:
            if error.errno in _NOT_THERE:  # a link to nothing, or removed since
                continue
            raise
        is_folder = stat.S_ISDIR(status.st_mode)
        name = inside + entry.name
        if leave_out is not None and leave_out(entry, name, is_folder):
            continue
        if is_folder:
            identity = status.st_dev, status.st_ino
            if identity not in above:
                yield from _files(entry.path, f"{name}/", leave_out, above | {identity})
        elif stat.S_ISREG(status.st_mode):
            yield FoundFile(name, entry.path, status)
