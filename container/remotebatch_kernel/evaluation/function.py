"""The function object: who packed it in its header, the function itself in its payload."""

from __future__ import annotations

import linecache
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from remotebatch_kernel.evaluation import user_code
from remotebatch_kernel.evaluation.failure import KernelFailure
from remotebatch_kernel.evaluation.unreadable import Place, explained
from remotebatch_kernel.formats import envelope, exit_codes
from remotebatch_kernel.formats.code_package import Description


class Function(NamedTuple):
    """A function ready to be called."""

    name: str
    call: Callable[..., Any]
    initializer: Callable[[], Any] | None
    unsent: dict[str, str]
    """The user's own modules that it needs and that did not travel, and why."""


_loaded: dict[str, Function] = {}


def load_ahead(path: str, code: str) -> None:
    """Load a function in a fork server, once for all the workers that will be forked from it.

    :raises KernelFailure: as :func:`load` does.
    :raises RaisedAtImport: as :func:`load` does.
    """
    _loaded[path] = load(path, code)


def standard_modules(path: str) -> list[str]:
    """Modules of the standard library that a packed function, or the user's modules that it needs, use.

    :raises KernelFailure: InputUnavailable.
    """
    header, _ = _open(path)
    names: list[str] = header["standard_modules"]
    return names


def load(path: str, code: str, image: str = "") -> Function:
    """Read and unpickle a packed function.

    :param code: the tree of its code package; "" if it has none.
    :param image: the container image that this is; "" for a process.
    :raises KernelFailure: VersionMismatch before anything is unpickled; ModuleMissing or
        InputUnavailable if that fails, or if the tree has been removed.
    :raises RaisedAtImport: if one of the user's own modules raises while it is imported.
    """
    if path in _loaded:
        return _loaded[path]
    header, payload = _open(path)
    check_version(header)
    description = header["code"] and Description.from_plain(header["code"])
    user_code.enter(code, description, user_code.Main(*header["main"]), header["installed"])
    user_code.expect_registrations(header["registrations"])
    _install_source(header["source_lines"])
    unsent = header.get("unsent", {})
    try:
        with user_code.being_imported():
            content = pickle.loads(payload)
            user_code.import_registered()
    except BaseException as error:  # unpickling runs whatever the user's modules and classes define
        if description and code and not os.path.isdir(code):
            raise KernelFailure(
                "InputUnavailable",
                exit_codes.FUNCTION_UNREADABLE,
                f"the user's own modules that function {header['name']} needs are not in {code} any more: "
                "submit the function again, which puts them there, and retry()",
            ) from None
        place = Place(f"function {header['name']}", exit_codes.FUNCTION_UNREADABLE, image, unsent)
        raise explained(error, place, lambda loads: loads(payload)) from None
    return Function(header["name"], content["function"], content["initializer"], unsent)


def _open(path: str) -> tuple[dict[str, Any], memoryview]:
    try:
        return envelope.unpack(_read(path))
    except (OSError, envelope.CorruptEnvelope) as error:
        raise KernelFailure(
            "InputUnavailable",
            exit_codes.FUNCTION_UNREADABLE,
            f"the packed function cannot be read: {error}",
        ) from error


def description_in(path: str) -> Description | None:
    """The code package that a packed function needs, from its header; nothing is unpickled.

    :returns: None if it needs none.
    :raises OSError: if the function cannot be read.
    :raises envelope.CorruptEnvelope: if it is cut, or none.
    """
    plain = envelope.parse_header(_read(path))["code"]
    return Description.from_plain(plain) if plain else None


def _read(path: str) -> bytes:
    """Read a file, or, as Python's own imports would, a member of an archive: ``program.pyz/function``."""
    try:
        return envelope.read(path)
    except NotADirectoryError:
        pass
    archive, member = os.path.split(path)
    import zipfile  # it loads every compression library there is, for which fork servers have no use

    try:
        with zipfile.ZipFile(archive) as program:
            return program.read(member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise envelope.CorruptEnvelope(f"{archive}: {error}") from error


def _install_source(files: dict[str, dict[str, str]]) -> None:
    """Let tracebacks show the lines of functions whose files are not here, or not as they were."""
    for name, numbered in files.items():
        last = max(map(int, numbered), default=0)
        lines = [numbered.get(str(number), "\n") for number in range(1, last + 1)]
        linecache.cache[name] = (0, None, lines, name)  # no time of change: never looked for on disk


def check_version(header: dict[str, Any]) -> None:
    """Refuse a function packed by another minor version, whose bytecode this one cannot run."""
    theirs, ours = tuple(header["python"][:2]), sys.version_info[:2]
    if theirs != ours:
        raise KernelFailure(
            "VersionMismatch",
            exit_codes.VERSION_MISMATCH,
            "the function was packed by Python {}.{}, but here runs Python {}.{}; submit from "
            "Python {}.{} or choose a container_image with Python {}.{}".format(
                *theirs, *ours, *ours, *theirs
            ),
        )
