"""What msgspec says of a wrong value is taken apart: msgspec itself is asked for each sentence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from remotebatch import InvalidSetting
from remotebatch.validation import check, problem_of


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1)] = 1

    def __post_init__(self) -> None:
        if self.count == 77:
            raise ValueError("not 77 - at all")


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    number: int = 0
    names: dict[str, int] = {}
    items: list[Inner] = []
    choice: Literal["a", "b"] = "a"
    inner: Inner | None = None


@pytest.mark.parametrize(
    ("value", "path", "where", "is_ours"),
    [
        ({"number": "x"}, ("number",), "number", False),
        ({"names": {"k": "v"}}, ("names", "..."), "names[...]", False),
        ({"names": {1: 2}}, ("names",), "names", False),
        ({"items": [{}, {"count": 0}]}, ("items", 1, "count"), "items[1].count", False),
        ({"items": [{}, {"count": 77}]}, ("items", 1), "items[1]", True),
        ({"choice": "z"}, ("choice",), "choice", False),
        ({"inner": {"other": 1}}, ("inner",), "inner", False),
        ({"other": 1}, (), "", False),
        ({"inner": {"count": 77}}, ("inner",), "inner", True),
    ],
)
def test_a_sentence_of_msgspec_is_taken_apart(
    value: dict[str, Any], path: tuple[str | int, ...], where: str, is_ours: bool
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, Outer)
    problem = problem_of(caught.value)
    assert (problem.path, problem.where, problem.is_ours) == (path, where, is_ours)
    assert "`$" not in problem.text
    if is_ours:
        assert problem.text == "not 77 - at all"


class Pair(msgspec.Struct, forbid_unknown_fields=True):
    left: int
    right: Pair | None = None


@pytest.mark.parametrize(
    ("value", "where", "missing"),
    [
        ({}, "", "left"),
        ({"left": 1, "right": {}}, "right", "left"),
        ({"left": 1, "rite": 2}, "", None),
        ({"left": "x"}, "left", None),
    ],
)
def test_a_missing_field_is_named(value: dict[str, Any], where: str, missing: str | None) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, Pair)
    problem = problem_of(caught.value)
    assert (problem.where, problem.missing) == (where, missing)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"number": "x"}, "setting number='x': expected an integer"),
        ({"choice": "z"}, "setting choice='z': expected 'a' or 'b'"),
        ({"names": {"secret": "value"}}, "setting names: expected a dict from a string to an integer"),
        ({"inner": {"count": 77}}, "setting inner: not 77 - at all"),
        ({"item": 1}, "unknown setting 'item'; did you mean 'items'?"),
    ],
)
def test_a_wrong_value_is_refused_in_words(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        check(Outer, values, "setting")
    assert str(caught.value).startswith(message)
    assert "value" not in str(caught.value).replace("value of", "")  # a mapping may hold secrets
