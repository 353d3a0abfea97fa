"""The short text of a call's arguments: bounded, and made without any code of the user's."""

from __future__ import annotations

import datetime as dt
import enum
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remotebatch.packing.call_text import arguments_text
from remotebatch_kernel.formats import inputs


class Colour(enum.Enum):
    RED = 1


class Hostile:
    def __repr__(self) -> str:
        raise AssertionError("called")

    __str__ = __hash__ = __eq__ = __len__ = __getattr__ = __iter__ = __repr__  # type: ignore[assignment,misc]


class Listed(list):  # type: ignore[type-arg]
    __repr__ = Hostile.__repr__


def looped() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (-1.5, "-1.5"),
        ("it's", '"it\'s"'),
        ((1,), "(1,)"),
        ([], "[]"),
        ({"a": {1}, 2: frozenset({3})}, "{'a': {1}, 2: frozenset({3})}"),
        (set(), "set()"),
        (range(3), "range(0, 3)"),
        (Path("a/b"), "PosixPath('a/b')"),
        (dt.date(2024, 2, 29), "datetime.date(2024, 2, 29)"),
        (None, "None"),
        (Colour.RED, "Colour.RED"),
        (len, "len"),
        (looped, "looped"),
        (int, "int"),
        (Hostile(), "<Hostile>"),
        ([Hostile(), Listed([1])], "[<Hostile>, <Listed>]"),
        ({Path: 1}, "{<ABCMeta>: 1}" if type(Path) is not type else "{Path: 1}"),
        (np.float64(0.5), repr(np.float64(0.5))),
        (np.zeros((3, 4)), "<ndarray of float64, 3 × 4>"),
        (list(range(1_000_000)), "[0, 1, 2, 3, 4, 5, …]"),
        ("x" * 1_000_000, f"'{'x' * 15}'…'{'x' * 15}'"),
        (1 << 10_000_000, "<int of 10000001 bits>"),
        (looped(), "[[[[…]]]]"),
    ],
    ids=lambda _: "",
)
def test_text_of_one_argument(value: Any, text: str) -> None:
    assert arguments_text((value,), {}) == text


def test_text_of_several_arguments_is_bounded() -> None:
    assert arguments_text((1, "a"), {"b": None}) == "1, 'a', b=None"
    assert arguments_text(tuple(range(9)), {}) == "0, 1, 2, 3, 4, 5, …"
    deep = {f"key {number}": ["x" * 30] * 30 for number in range(30)}
    assert len(arguments_text((deep, deep), {"more": deep})) == 200


def test_elements_of_earlier_versions_are_read(tmp_path: Path) -> None:
    element = pickle.dumps(((1,), {"a": 2}))
    start = inputs.head_size(1)
    (tmp_path / "inputs").write_bytes(inputs.pack_head([start, start + len(element)]) + element)
    assert inputs.read_span(str(tmp_path / "inputs"), 0, 1) == [((1,), {"a": 2}, "…")]
