"""The kernel as one file that any Python of the right version can run: ``python kernel.pyz``."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
from pathlib import Path

import cloudpickle

import remotebatch_kernel

_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest; the same sources must make the same bytes
_MAIN = b"import sys\nfrom remotebatch_kernel.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"


@functools.cache
def kernel_archive() -> bytes:
    """The archive: the kernel's sources and those of the installed cloudpickle.

    The same versions give the same bytes, so it is stored once wherever it goes.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", _MAIN)
        for package in (remotebatch_kernel, cloudpickle):
            directory = Path(str(package.__file__)).parent
            for source in sorted(directory.glob("*.py")):
                _add(archive, f"{directory.name}/{source.name}", source.read_bytes())
    return buffer.getvalue()


@functools.cache
def kernel_digest() -> str:
    """SHA-256 of the archive, in hex: its name in a store."""
    return hashlib.sha256(kernel_archive()).hexdigest()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
