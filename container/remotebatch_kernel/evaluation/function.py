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
from remotebatch_kernel.formats import envelope, exit_codes
from remotebatch_kernel.formats.code_package import Description


class Function(NamedTuple):
    """A function ready to be called."""

    name: str
    call: Callable[..., Any]
    initializer: Callable[[], Any] | None


_loaded: dict[str, Function] = {}


def load_ahead(path: str, code: str) -> None:
    """Load a function in a fork server, once for all the workers that will be forked from it."""
    _loaded[path] = load(path, code)


def load(path: str, code: str) -> Function:
    """Read and unpickle a packed function.

    :param code: the tree of its code package; "" if it has none.
    :raises KernelFailure: VersionMismatch before anything is unpickled; ModuleMissing or
        InputUnavailable if that fails.
    """
    if path in _loaded:
        return _loaded[path]
    try:
        header, payload = envelope.unpack(_read(path))
    except (OSError, envelope.CorruptEnvelope) as error:
        raise KernelFailure(
            "InputUnavailable",
            exit_codes.FUNCTION_UNREADABLE,
            f"the packed function cannot be read: {error}",
        ) from error
    check_version(header)
    description = header["code"] and Description.from_plain(header["code"])
    user_code.enter(code, description, user_code.Main(*header["main"]), header["installed"])
    _install_source(header["source_lines"])
    try:
        content = pickle.loads(payload)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) or user_code.compiled_for_another(error):
            raise module_missing(header["name"], error) from error
        raise _not_unpickled(header["name"], error) from error
    except Exception as error:  # unpickling runs whatever the user's classes define
        raise _not_unpickled(header["name"], error) from error
    return Function(header["name"], content["function"], content["initializer"])


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


def _not_unpickled(name: str, error: Exception) -> KernelFailure:
    return KernelFailure(
        "InputUnavailable",
        exit_codes.FUNCTION_UNREADABLE,
        f"function {name} cannot be unpickled: {type(error).__name__}: {error}",
    )


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


def module_missing(what: str, error: ImportError) -> KernelFailure:
    """The failure for something that needs a module not installed on the node."""
    reason = user_code.compiled_for_another(error)
    if reason is not None:
        return KernelFailure(
            "ModuleMissing",
            exit_codes.MODULE_MISSING,
            f"{what} needs a compiled module that cannot be imported where the task runs: {reason}. Install "
            f"it there, or choose a container_image of the platform that it is compiled for",
        )
    return KernelFailure(
        "ModuleMissing",
        exit_codes.MODULE_MISSING,
        f"{what} needs the module {error.name!r}, which is not installed where the task runs: install "
        f"it there, choose a container_image that has it, or leave include_definitions on for a module "
        f"of your own",
    )
