"""Slow calls made in parallel, in threads, for a consumer that takes the values in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")

_THREADS = 8


def ahead(call: Callable[[Item], Value], items: Iterable[Item]) -> Iterator[Value]:
    """Yield ``call(item)`` for each item, in order, a few calls ahead of what was taken.

    Closing the iterator drops the calls that have not begun.

    :raises Exception: what a call raised, in its turn.
    """
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="remotebatch-ahead")
    pending: deque[Future[Value]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(call, item))
            if len(pending) == 2 * _THREADS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
