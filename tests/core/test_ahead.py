"""Calls made side by side: in order, a bounded number ahead, and none after the last that is wanted."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from itertools import count, islice
from typing import cast

import pytest

from remotebatch.jobs.prefetch import ahead


def test_values_come_in_order() -> None:
    assert list(ahead(lambda number: number * number, range(100))) == [n * n for n in range(100)]
    assert list(ahead(abs, [])) == []


def test_calls_overlap() -> None:
    together = threading.Barrier(4)
    assert len(list(ahead(lambda _: together.wait(30), range(4)))) == 4


def test_only_a_few_are_begun_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    values = cast("Generator[int]", ahead(abs, numbers()))
    assert list(islice(values, 5)) == [0, 1, 2, 3, 4]
    assert len(taken) < 30
    values.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("remotebatch-ahead")]


def test_an_error_comes_in_its_turn() -> None:
    values = ahead(lambda number: 1 // number, [1, -1, 0, 1])
    assert [next(values), next(values)] == [1, -1]
    with pytest.raises(ZeroDivisionError):
        next(values)
