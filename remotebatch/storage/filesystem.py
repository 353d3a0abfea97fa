"""A store in a file system, for providers that keep their objects in one.

Objects are named by the digest of their content. So each is stored once, and storing it again is harmless,
also from several processes at the same time: a file is either whole or absent.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

_BLOCK_BYTES = 1 << 20


class FilesystemStore:
    """Objects under one directory, in a folder for each kind.

    :param root: the directory; :meth:`prepare` makes it.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def prepare(self, kinds: Iterable[str]) -> None:
        """Make the folders of some kinds of objects, where they are missing.

        :raises OSError: if that is not possible.
        """
        for kind in kinds:
            os.makedirs(f"{self.root}/{kind}", exist_ok=True)

    def path(self, kind: str, digest: str) -> str:
        """Path of an object, whether it is stored or not."""
        return f"{self.root}/{kind}/{digest}"

    def put(self, kind: str, digest: str, make: Callable[[], bytes]) -> str:
        """Store bytes under their digest and return their path.

        :param make: returns the bytes; called only if they are not stored yet.
        :raises OSError: if they cannot be stored.
        """
        path = self.path(kind, digest)
        if not os.path.exists(path):
            data = make()
            write_new(path, lambda file: file.write(data))
        return path

    def put_file(self, kind: str, source: Path | bytes) -> str:
        """Store the content of a file, however large, or bytes, and return the SHA-256 digest.

        :raises OSError: if the file cannot be read, or its content cannot be stored.
        """
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
            digest = _copy(file, None)
            if os.path.exists(self.path(kind, digest)):
                return digest
            file.seek(0)
            with tempfile.NamedTemporaryFile(dir=f"{self.root}/{kind}", delete=False) as copy:
                try:
                    digest = _copy(file, copy)  # of what is stored, if the file has changed meanwhile
                    copy.flush()
                    os.replace(copy.name, self.path(kind, digest))
                except BaseException:
                    os.unlink(copy.name)
                    raise
        return digest


def _copy(source: IO[bytes], target: IO[bytes] | None) -> str:
    """Read to the end, and write all of it to the target if there is one; return the SHA-256 digest."""
    digest = hashlib.sha256()
    while block := source.read(_BLOCK_BYTES):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()


def write_new(path: str, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file that is either whole or absent.

    :param write: writes the content to a temporary file beside it, which then gets the name.
    :raises OSError: if it cannot be written; the temporary file is removed.
    """
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as file:
        try:
            write(file)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
