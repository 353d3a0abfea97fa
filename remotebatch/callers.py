"""Where the user's own code is, among those that called a function of ours."""

from __future__ import annotations

import sys


def users_level() -> int:
    """How far up, from the function that calls this, the user's code is, so that a warning names its line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module: str) -> bool:
    package = module.partition(".")[0]
    return package == "remotebatch" or package.startswith("remotebatch_")
