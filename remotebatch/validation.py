"""Values that a user names, checked against their types, and the errors in words.

msgspec reports what is wrong in a sentence, with a path at its end. This is the one place that takes such a
sentence apart.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from remotebatch.errors import InvalidSetting

Checked = TypeVar("Checked", bound=msgspec.Struct)

_AT = re.compile(r" - at (?P<key>`key` in )*`\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[(\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_OF_MSGSPEC = ("Expected", "Invalid", "Object", "Array", "Length")
"""First words of msgspec's own sentences; any other is raised by a value's own check."""


class Problem(NamedTuple):
    """What a validation error says."""

    text: str
    """What is wrong, without where."""
    path: tuple[str | int, ...]
    """Names of fields and indices of items, from the outermost; "..." stands for any key or item."""

    @property
    def is_ours(self) -> bool:
        """Whether it was raised by a value's own check, not by its type."""
        return not self.text.startswith(_OF_MSGSPEC)

    @property
    def missing(self) -> str | None:
        """Name of the required field that the object at the path lacks; None for any other problem."""
        found = _MISSING.match(self.text)
        return found["name"] if found else None

    @property
    def where(self) -> str:
        """The path as text: ``tasks[3].id``."""
        parts = [f"[{step}]" if isinstance(step, int) or step == "..." else f".{step}" for step in self.path]
        return "".join(parts).removeprefix(".")


def problem_of(error: msgspec.ValidationError) -> Problem:
    """Take the sentence of a validation error apart."""
    message = str(error)
    found = _AT.search(message)
    if found is None:
        return Problem(message, ())
    steps: list[str | int] = []
    for name, index, any_item in _STEP.findall(found["path"]):
        steps.append(int(index) if index else name or any_item)
    return Problem(message[: found.start()], tuple(steps))


def check(kind: type[Checked], values: Mapping[str, Any], what: str) -> Checked:
    """Make ``kind`` of the values, strictly.

    :param what: what the values are, for the message: "setting" or "property".
    :raises InvalidSetting: naming the value and what is allowed.
    """
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in values:
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            allowed = ", ".join(fields) or "none"
            raise InvalidSetting(f"unknown {what} {name!r}; {hint}allowed are: {allowed}")
    for name, field in fields.items():
        if name not in values and field.required:
            raise InvalidSetting(f"{what} {name!r} is required: {_expected(field.type)}")
    try:
        return msgspec.convert(dict(values), kind, builtin_types=(bytes, timedelta))
    except msgspec.ValidationError as error:
        raise InvalidSetting(_explain(problem_of(error), values, fields, what)) from None


def _explain(problem: Problem, values: Mapping[str, Any], fields: Mapping[str, Any], what: str) -> str:
    name = problem.path[0] if problem.path else None
    if not isinstance(name, str) or name not in fields:
        return problem.text
    if problem.is_ours:
        return f"{what} {name}: {problem.text[0].lower()}{problem.text[1:]}"
    shown = name if isinstance(values[name], Mapping) else f"{name}={reprlib.repr(values[name])}"
    return f"{what} {shown}: expected {_expected(fields[name].type)}"  # a mapping may hold secrets


def _expected(annotation: Any) -> str:
    """Describe in words what an annotated type allows."""
    info = msgspec.inspect.type_info(annotation)
    return _describe(info)


def _describe(info: Any) -> str:
    words = {
        msgspec.inspect.BoolType: "True or False",
        msgspec.inspect.NoneType: "None",
        msgspec.inspect.TimeDeltaType: "a timedelta",
        msgspec.inspect.BytesType: "bytes",
    }
    if isinstance(info, msgspec.inspect.Metadata):
        return str((info.extra_json_schema or {}).get("description") or _describe(info.type))
    if isinstance(info, msgspec.inspect.UnionType):
        return " or ".join(_describe(kind) for kind in info.types)
    if isinstance(info, msgspec.inspect.StrType):
        longest = f" of at most {info.max_length} characters" if info.max_length else ""
        return ("a non-empty string" if info.min_length else "a string") + longest
    if isinstance(info, (msgspec.inspect.IntType, msgspec.inspect.FloatType)):
        noun = "an integer" if isinstance(info, msgspec.inspect.IntType) else "a number"
        if info.ge is not None and info.le is not None:
            return f"{noun} from {info.ge} to {info.le}"
        if info.ge is not None:
            return f"{noun} of at least {info.ge}"
        return f"{noun} greater than {info.gt}" if info.gt is not None else noun
    if isinstance(info, msgspec.inspect.DictType):
        return f"a dict from {_describe(info.key_type)} to {_describe(info.value_type)}"
    if isinstance(info, msgspec.inspect.StructType):
        return "a dict with " + ", ".join(field.name for field in info.fields)
    if isinstance(info, msgspec.inspect.ListType):
        return f"a list, each item {_describe(info.item_type)}"
    if isinstance(info, msgspec.inspect.LiteralType):
        return " or ".join(map(repr, info.values))
    return words.get(type(info), "a value")
