"""The kernel as one file that any Python of the right version can run: ``python kernel.pyz``."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import os
import py_compile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cloudpickle

import remotebatch_kernel

_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip's earliest
_FORMAT = b"2"  # of the archive: what else than its sources makes it what it is
_MAIN = b"import sys\nfrom remotebatch_kernel.__main__ import main\n\nsys.exit(main(sys.argv[1:]))\n"
_FOR_TASKS = {
    "__init__": "packing/absent.py",
    "command": "command.py",
    "errors": "errors.py",
    "task": "task.py",
}
"""The modules of the ``remotebatch`` for tasks in whose Python none is installed, and their files here."""


@functools.cache
def kernel_archive() -> bytes:
    """The archive: the kernel's sources and those of the installed cloudpickle, all compiled too.

    In its folder ``absent`` is a ``remotebatch`` for tasks, which the kernel puts last on ``sys.path``.

    Compiling takes longer than most tasks, and what it leaves behind makes every fork of a fork server
    more expensive. A Python of another minor version passes the compiled files over.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in _sources():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), source, zipfile.ZIP_DEFLATED)
            archive.writestr(
                zipfile.ZipInfo(f"{name}c", _EPOCH), _compiled(name, source), zipfile.ZIP_DEFLATED
            )
    return buffer.getvalue()


@functools.cache
def kernel_digest() -> str:
    """Names the archive by what goes into it, in hex: the same versions give the same name."""
    digest = hashlib.sha256(_FORMAT + importlib.util.MAGIC_NUMBER)
    for name, source in _sources():
        digest.update(f"{name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def _sources() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN
    for module in (remotebatch_kernel, cloudpickle):
        directory = Path(str(module.__file__)).parent
        for source in sorted(directory.rglob("*.py")):
            yield f"{directory.name}/{source.relative_to(directory)}", source.read_bytes()
    package = Path(__file__).parents[1]
    for name, file in _FOR_TASKS.items():
        yield f"absent/remotebatch/{name}.py", (package / file).read_bytes()


def _compiled(name: str, source: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        written, compiled = os.path.join(directory, "source"), os.path.join(directory, "compiled")
        Path(written).write_bytes(source)
        # unchecked: the times in an archive depend on the time zone of who reads them
        py_compile.compile(
            written,
            compiled,
            name,
            doraise=True,
            optimize=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return Path(compiled).read_bytes()
