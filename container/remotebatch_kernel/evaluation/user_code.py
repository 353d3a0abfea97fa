"""The user's own code on the node: its modules as files, and a ``__main__`` of its own.

What has a file is imported from the tree of the function's code package, under its own name. What has none
(the definitions of a script or a notebook) is rebuilt in ``sys.modules["__main__"]``, which replaces the
kernel's own: there pickles, and processes that the task starts, find it.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import NamedTuple

from remotebatch_kernel import rebuilding
from remotebatch_kernel.evaluation import compiled, odd_names
from remotebatch_kernel.formats.code_package import Description


class Main(NamedTuple):
    """What the client's ``__main__`` was."""

    file: str | None
    """Its path in the tree of the code package, if it has one."""
    module: str | None
    """The module's name where it was started by ``python -m``."""
    argv: str
    """``sys.argv[0]`` for the task."""


_importing = False
_registrations: list[tuple[str, str]] = []
_origins: list[tuple[str, str]] = []  # (directory on this node, the client's own directory)
_platform = ""  # what compiled modules of the user's are for


def enter(
    tree: str,
    description: Description | None,
    main: Main,
    installed: Iterable[tuple[str, bool]] = (),
) -> None:
    """Make the process that of a user's program: ``sys.path``, ``sys.argv`` and ``__main__``.

    Repeating it is harmless.

    :param tree: where the code package was laid.
    :param installed: further directories of installed packages at the client, and whether each comes before
        the standard library there; one that is here too is used.
    """
    for directory, is_front in installed:
        if directory not in sys.path and os.path.isdir(directory):
            sys.path.insert(0 if is_front else len(sys.path), directory)
    global _platform
    if description is not None:
        _origins[:] = [
            (os.path.join(tree, str(number)), root.origin) for number, root in enumerate(description.roots)
        ]
        sys.path[:] = _with_roots(sys.path, description)
        if description.names:
            odd_names.install({name: os.path.join(tree, path) for name, path in description.names.items()})
        _platform = description.platform
    sys.argv = [main.argv]
    module = ModuleType("__main__")
    vars(module)["__builtins__"] = builtins
    if main.file is not None:
        module.__file__ = os.path.join(tree, main.file)
    if main.module is not None:
        module.__spec__ = importlib.machinery.ModuleSpec(main.module, None)
        module.__package__ = main.module.rpartition(".")[0]
    sys.modules["__main__"] = module
    rebuilding.rebuild_in(module)


def _with_roots(path: list[str], description: Description) -> list[str]:
    """A module search path with the directories of the tree, each in the place of the one it was made of.

    That one stays behind it only where packages are installed in it: else a task would import the user's
    modules as they are now, not as they were at submission.
    """
    new = [directory for directory, _ in _origins if directory not in path]
    places = {origin: directory for directory, origin in _origins if directory in new}
    kept = {root.origin for root in description.roots if root.has_installed}
    found: list[str] = []
    for entry in path:
        if entry in places:
            found.append(places[entry])
        if entry not in places or entry in kept:
            found.append(entry)
    front = {directory for (directory, _), root in zip(_origins, description.roots) if root.front}
    missing = [directory for directory in new if directory not in found]
    return [
        *(directory for directory in missing if directory in front),
        *found,
        *(directory for directory in missing if directory not in front),
    ]


@contextmanager
def being_imported() -> Iterator[None]:
    """While this process imports the user's modules, before any of their functions is called."""
    global _importing
    _importing = True
    try:
        yield
    finally:
        _importing = False


def is_being_imported() -> bool:
    """Whether this process, a task, imports the user's modules."""
    return _importing


def expect_registrations(pairs: Iterable[Sequence[str]]) -> None:
    """Note which modules have put something of theirs into which others.

    :param pairs: names of a module and of one that has put something into it.
    """
    _registrations[:] = [(module, other) for module, other in pairs]


def import_registered() -> None:
    """Import what has put something into a module that has been imported here.

    The function may need none of it, so a failure is only reported.
    """
    while found := [pair for pair in _registrations if pair[0] in sys.modules]:
        for pair in found:
            _registrations.remove(pair)
            try:
                importlib.import_module(pair[1])
            except Exception as error:  # raised by the module's own code
                print(
                    f"remotebatch: {pair[1]}, which had put something of its own into {pair[0]} where the "
                    f"function was submitted, cannot be imported: {type(error).__name__}: {error}",
                    file=sys.stderr,
                )


def at_client(text: str) -> str:
    """A text in which paths of the tree are replaced by those at the client."""
    for directory, origin in _origins:
        text = text.replace(directory + os.sep, origin + os.sep)
    return text


def with_paths_at_client(error: BaseException) -> None:
    """Replace the paths of the tree in an exception that says where code is, by those at the client."""
    if isinstance(error, SyntaxError) and isinstance(error.filename, str):
        known, error.filename = error.filename, at_client(error.filename)
        error.args = tuple(
            tuple(error.filename if item == known else item for item in part) if type(part) is tuple else part
            for part in error.args
        )
    elif isinstance(error, ImportError) and isinstance(error.msg, str):
        error.msg, error.path = at_client(error.msg), error.path and at_client(error.path)
        error.args = tuple(at_client(part) if type(part) is str else part for part in error.args)


def line_in_user_code(error: BaseException) -> str:
    """The last line of the user's own modules that an exception came through, as ``file:line``; or ""."""
    return import_in_user_code(error)[0]


def import_in_user_code(error: BaseException) -> tuple[str, bool]:
    """That line, and whether it imports a module by a name that no import statement has."""
    found, computed = "", True
    for trace in _traces(error):
        code = trace.tb_frame.f_code
        if _lies_in_tree(code.co_filename):
            found, computed = f"{at_client(code.co_filename)}:{trace.tb_lineno}", False
        elif trace.tb_frame.f_globals.get("__name__") == "importlib":
            computed = True
    return found, computed


def strip_to_import(error: BaseException) -> bool:
    """Begin an exception's traceback in the user's own module that raised it while it was imported.

    :returns: whether there is one.
    """
    for trace in _traces(error):
        code = trace.tb_frame.f_code
        if _lies_in_tree(code.co_filename):
            if code.co_name == "<module>":
                error.__traceback__ = trace
            return code.co_name == "<module>"
    if isinstance(error, SyntaxError) and _lies_in_tree(str(error.filename)):
        error.__traceback__ = None
        return True
    return False


def has_travelled(name: str) -> bool:
    """Whether a top-level module is in the tree."""
    paths = [os.path.join(directory, name) for directory, _ in _origins]
    return any(os.path.isdir(path) or os.path.exists(f"{path}.py") for path in paths)


def _traces(error: BaseException) -> Iterator[TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _lies_in_tree(path: str) -> bool:
    return any(path.startswith(directory + os.sep) for directory, _ in _origins)


def compiled_for_another(error: ImportError) -> str | None:
    """Why a compiled module of the user's cannot be imported here, in words; None if it is not that."""
    return compiled.reason(error, [directory for directory, _ in _origins], _platform)
