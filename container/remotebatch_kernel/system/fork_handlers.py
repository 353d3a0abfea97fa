"""After-fork handlers of the standard library, left out for the workers of a fork server.

``threading`` and ``logging`` make new locks in every forked child, since a thread of the parent's, which
the child lacks, may have held the old ones. A fork server makes sure that it has only one thread, so its
workers need none of that, and it would be a third of all the memory that they copy. A worker that forks
may well have threads: then the handlers are called as usual.
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
"""Id of the process whose own forks leave the handlers out."""
_leaving_out = False
_main_thread: Any = None


def lighten() -> None:
    """Leave the handlers out of this process's forks; call it before anything has imported those two."""
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
    """In a worker: the part of the handlers that it needs."""
    _main_thread._set_native_id()  # all else that is known of the thread holds for the copy


def register(**handlers: Callable[[], Any]) -> None:
    """As ``os.register_at_fork``, for handlers that the forks of a lightened process leave out as well."""
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
    global _leaving_out
    _leaving_out = os.getpid() == _lightened
    if not _leaving_out:
        _call("before", reversed(_left_out))


def _after_in_parent() -> None:
    if not _leaving_out:
        _call("after_in_parent", _left_out)


def _after_in_child() -> None:
    if not _leaving_out:
        _call("after_in_child", _left_out)


def _call(when: str, handlers: Iterable[dict[str, Callable[[], Any]]]) -> None:
    for registered in handlers:
        if when in registered:
            registered[when]()
