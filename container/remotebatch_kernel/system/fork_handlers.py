"""Forks of a process that has one thread, spared what the standard library does for those that have more.

``threading`` and ``logging`` make new locks in every forked child, since a thread of the parent's, which
the child lacks, may have held the old ones. A warm kernel makes sure that it has but one thread, so its
copies need none of that; and it would be a third of all the memory that they copy. A copy that forks in
its turn may well have threads: then all is done as it should be.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

_THEIRS = frozenset({"threading", "logging"})
_left_out: list[dict[str, Callable[[], Any]]] = []
_register = os.register_at_fork
_lightened: int | None = None
"""Id of the process whose own copies are spared."""
_spared = False
_main_thread: Any = None


def lighten() -> None:
    """Spare the copies of this process; to be called before anything has imported those two."""
    global _lightened, _main_thread
    os.register_at_fork = _register_others  # type: ignore[assignment]
    try:
        import logging  # noqa: F401
        import threading
    finally:
        os.register_at_fork = _register
    _register(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
    _lightened, _main_thread = os.getpid(), threading.main_thread()


def become_task() -> None:
    """In a copy: what it needs of what was left out."""
    _main_thread._set_native_id()  # all else that is known of the thread holds for the copy


def register(**handlers: Callable[[], Any]) -> None:
    """As ``os.register_at_fork``, for what the copies of a lightened process are to be spared as well."""
    if _lightened is None:
        _register(**handlers)
    else:
        _left_out.append(handlers)


def _register_others(**handlers: Callable[[], Any]) -> None:
    if sys._getframe(1).f_globals["__name__"] in _THEIRS:
        _left_out.append(handlers)
    else:
        _register(**handlers)


def _before() -> None:
    global _spared
    _spared = os.getpid() == _lightened
    if not _spared:
        _call("before", reversed(_left_out))


def _after_in_parent() -> None:
    if not _spared:
        _call("after_in_parent", _left_out)


def _after_in_child() -> None:
    if not _spared:
        _call("after_in_child", _left_out)


def _call(when: str, handlers: Iterable[dict[str, Callable[[], Any]]]) -> None:
    for registered in handlers:
        if when in registered:
            registered[when]()
