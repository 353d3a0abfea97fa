"""The program of a job: the kernel and the packed function in one archive, which any Python runs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass

from remotebatch.packing.functions import FunctionObject
from remotebatch.packing.kernel_archive import kernel_archive, kernel_digest
from remotebatch_kernel.hosts.azure_node import FUNCTION

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
    buffer = io.BytesIO(kernel_archive())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(FUNCTION, _EPOCH), function.data)
    return Program(digest, buffer.getvalue())
