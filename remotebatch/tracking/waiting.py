"""Waiting until something holds of some jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from remotebatch.tracking.events import Listener
from remotebatch.tracking.tracker import Tracker


@contextmanager
def watching(trackers: Iterable[Tracker], listener: Listener) -> Iterator[None]:
    """Keep several jobs fresh, whatever providers they are at, and call the listener with their events."""
    with ExitStack() as stack:
        for tracker in dict.fromkeys(trackers):
            stack.enter_context(tracker.listening(listener))
            if tracker.error is None:
                stack.enter_context(tracker.watcher.watching(tracker))
        yield


def wait_until(trackers: Iterable[Tracker], reached: Callable[[], bool], timeout: float | None) -> bool:
    """Block until ``reached()`` holds, checking it after each change.

    :returns: whether it holds; False when the time, in seconds, was up first.
    :raises ProviderError: if one of the jobs cannot be watched any more.
    """
    if reached():
        return True
    known = list(trackers)
    deadline = None if timeout is None else time.monotonic() + timeout
    changed = threading.Event()
    with watching(known, lambda events: changed.set()):
        while not reached():
            for tracker in known:
                if tracker.error is not None:
                    raise tracker.error
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                return False
            changed.wait(remaining)
            changed.clear()
    return True
