"""The program of a job: the kernel and the packed function in one archive, which any Python runs.

The kernel lies in it compiled as well. A task has a Python of the same minor version, or it is refused;
one of another passes the compiled files over, and so comes to say what is wrong.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import py_compile
import tempfile
import zipfile
from dataclasses import dataclass

from remotebatch.kernel_archive import kernel_archive, kernel_digest
from remotebatch.submission import FunctionObject
from remotebatch_kernel.node import FUNCTION

_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest


@dataclass(frozen=True)
class Program:
    """One file to be stored and fetched in place of two."""

    digest: str
    """Names it by its content."""
    data: bytes


def pack_program(function: FunctionObject) -> Program:
    """Put a function into a copy of the kernel's archive."""
    digest = hashlib.sha256(f"{kernel_digest()} {function.digest}".encode()).hexdigest()
    buffer = io.BytesIO(_compiled_kernel())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(FUNCTION, _EPOCH), function.data)
    return Program(digest, buffer.getvalue())


@functools.cache
def _compiled_kernel() -> bytes:
    """The kernel's archive with its compiled files: much of the time that a task took was compiling them."""
    buffer = io.BytesIO(kernel_archive())
    with zipfile.ZipFile(buffer, "a") as archive, tempfile.TemporaryDirectory() as directory:
        source, compiled = os.path.join(directory, "source"), os.path.join(directory, "compiled")
        for name in [name for name in archive.namelist() if name.endswith(".py")]:
            with open(source, "wb") as file:
                file.write(archive.read(name))
            # unchecked: the times in an archive depend on the time zone of who reads them
            py_compile.compile(
                source,
                compiled,
                name,
                doraise=True,
                optimize=0,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
            with open(compiled, "rb") as file:
                compiled_file = zipfile.ZipInfo(f"{name}c", _EPOCH)
                archive.writestr(compiled_file, file.read(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
