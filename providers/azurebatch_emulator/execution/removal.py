"""Removing what tasks have left, whatever that is: nested without end, closed to its owner, still in use."""

from __future__ import annotations

import itertools
import logging
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LEVELS = 64
_log = logging.getLogger(__name__)


def move(path: str, target: str) -> None:
    """Rename a file or directory, also one whose mode forbids it.

    :raises OSError: if it cannot be done.
    """
    try:
        os.rename(path, target)
    except PermissionError:
        for directory in (os.path.dirname(path), path):
            with suppress(OSError), _opened(directory):  # which lets its owner in
                pass
        os.rename(path, target)


def remove(path: str) -> None:
    """Remove a file or a directory with all below it; what cannot be removed stays, and is logged."""
    errors: list[OSError] = []
    try:
        try:
            os.unlink(path)
        except (IsADirectoryError, PermissionError):
            with _opened(path) as top:
                _Emptying(top, errors).run()
            os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        errors.append(error)
    if errors:
        _log.warning("%s could not be removed: %s", path, errors[0])


class _Emptying:
    """Removes all that is below a directory.

    It goes down a few levels only: what is deeper is moved to the top first. So neither the stack nor the
    number of open files nor the length of a path grows with the depth.
    """

    def __init__(self, top: int, errors: list[OSError]) -> None:
        self._top = top
        self._errors = errors
        self._pending = list(_unlink_files(top, errors))
        self._names = (f".{uuid.uuid4().hex}-{number}" for number in itertools.count())

    def run(self) -> None:
        while self._pending:
            self._remove(self._pending.pop(), self._top, _LEVELS)

    def _remove(self, name: str, parent: int, levels: int) -> None:
        try:
            with _opened(name, parent) as directory:
                for inner in _unlink_files(directory, self._errors):
                    if levels:
                        self._remove(inner, directory, levels - 1)
                    else:
                        self._move_up(inner, directory)
            os.rmdir(name, dir_fd=parent)
        except OSError as error:
            self._errors.append(error)

    def _move_up(self, name: str, parent: int) -> None:
        with suppress(OSError), _opened(name, parent):  # so that it may be moved
            pass
        new_name = next(self._names)
        os.rename(name, new_name, src_dir_fd=parent, dst_dir_fd=self._top)
        self._pending.append(new_name)


def _unlink_files(directory: int, errors: list[OSError]) -> Iterator[str]:
    """Remove what is no directory; yields the names of the directories."""
    for name in os.listdir(directory):
        try:
            if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                yield name
            else:
                os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            errors.append(error)


@contextmanager
def _opened(name: str, parent: int | None = None) -> Iterator[int]:
    """A descriptor of a directory, whose owner is given all rights to it."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        itself = f"/proc/self/fd/{place}"  # no link can have taken its place since
        if os.fstat(place).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(OSError):  # of another user: opening it will fail
                os.chmod(itself, stat.S_IRWXU)
        descriptor = os.open(itself, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(place)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
