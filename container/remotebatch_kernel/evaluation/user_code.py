"""The user's own code on the node: its modules as files, and a ``__main__`` of its own.

What has a file is imported from the tree of the function's code package, under its own name. What has none
(the definitions of a script or a notebook) is rebuilt in ``sys.modules["__main__"]``, which replaces the
kernel's own: there pickles, and processes that the task starts, find it.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, NamedTuple

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
        roots = [os.path.join(tree, str(number)) for number in range(len(description.roots))]
        front = [path for path, root in zip(roots, description.roots) if root.front]
        if not set(roots) <= set(sys.path):
            sys.path[:0] = front
            sys.path += [path for path in roots if path not in front]
            _origins[:] = [(path, root.origin) for path, root in zip(roots, description.roots)]
            if description.names:
                odd_names.install(
                    {name: os.path.join(tree, path) for name, path in description.names.items()}
                )
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


def at_client(text: str) -> str:
    """A text in which paths of the tree are replaced by those at the client."""
    for directory, origin in _origins:
        text = text.replace(directory + os.sep, origin + os.sep)
    return text


def importing_line(error: BaseException) -> str | None:
    """Where in the user's own modules an import failed, as ``file:line``; None if not in one of them."""
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if any(name.startswith(directory + os.sep) for directory, _ in _origins):
            found = f"{at_client(name)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def compiled_for_another(error: ImportError) -> str | None:
    """Why a compiled module of the user's cannot be imported here, in words; None if it is not that."""
    return compiled.reason(error, [directory for directory, _ in _origins], _platform)


def main_from_plain(plain: Any) -> Main:
    """Read what stands in a function object's header."""
    return Main(*plain)
