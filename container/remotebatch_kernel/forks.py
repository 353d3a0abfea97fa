"""Forks of a process that has one thread, spared what the standard library does for those that have more.

``threading`` and ``logging`` make new locks in every forked child, since a thread of the parent's, which
the child lacks, may have held the old ones. A warm kernel makes sure that it has but one thread, so its
copies need none of that; and it would be a third of all the memory that they copy. A copy that forks in
its turn may well have threads: then all is done as it should be.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

_THEIRS = frozenset({"threading", "logging"})
_left_out: list[dict[str, Callable[[], Any]]] = []
_register = os.register_at_fork
_kernel = os.getpid()
_lightened = False


def lighten() -> None:
    """Spare the copies of this process; to be called before anything has imported those two."""
    global _lightened
    _lightened = True
    os.register_at_fork = _register_others  # type: ignore[assignment]
    try:
        import logging  # noqa: F401
        import threading  # noqa: F401
    finally:
        os.register_at_fork = _register
    _register(before=_before_fork)


def become_task() -> None:
    """In a copy: what it needs of what was left out."""
    main_thread = sys.modules["threading"].main_thread()
    main_thread._set_native_id()  # all else that is known of the thread holds for the copy


def register(**handlers: Callable[[], Any]) -> None:
    """As ``os.register_at_fork``, for what the copies of a lightened process are to be spared as well."""
    if _lightened:
        _left_out.append(handlers)
    else:
        _register(**handlers)


def _register_others(**handlers: Callable[[], Any]) -> None:
    if sys._getframe(1).f_globals["__name__"] in _THEIRS:
        _left_out.append(handlers)
    else:
        _register(**handlers)


def _before_fork() -> None:
    """A copy forks: from here on it does all that any process does."""
    if _left_out and os.getpid() != _kernel:
        for handlers in _left_out:
            _register(**handlers)
            if "before" in handlers:  # registered too late for this fork
                handlers["before"]()
        _left_out.clear()
