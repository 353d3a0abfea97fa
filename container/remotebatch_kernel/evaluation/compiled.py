"""Why a compiled module of the user's cannot be imported here."""

from __future__ import annotations

import os
import re
import sysconfig
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES

_FROM = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


def reason(error: ImportError, roots: Iterable[str], platform: str) -> str | None:
    """The reason in words, with the module's file; None if the error is about no such module.

    :param roots: directories of the user's own modules.
    :param platform: what they were compiled for.
    """
    submodule = _FROM.match(str(error))
    name = ".".join(reversed(submodule.groups())) if submodule else error.name or ""
    for root in roots:
        if error.path is not None and error.path.startswith(root + os.sep) and error.path.endswith(".so"):
            return f"{os.path.relpath(error.path, root)} is compiled for {platform}, and here: {error}"
        folder, _, last = os.path.join(root, *name.split(".")).rpartition(os.sep)
        for file in sorted(os.listdir(folder)) if name and os.path.isdir(folder) else ():
            suffix = file[len(last) :]
            if file.startswith(f"{last}.") and file.endswith(".so") and suffix not in EXTENSION_SUFFIXES:
                found = os.path.relpath(os.path.join(folder, file), root)
                return (
                    f"{found} is compiled for {platform}; here is {sysconfig.get_platform()}, which takes "
                    f"{last}{EXTENSION_SUFFIXES[0]}"
                )
    return None
