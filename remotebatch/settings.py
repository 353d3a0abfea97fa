"""Settings of a job, and the checking of everything a user names."""

from __future__ import annotations

import difflib
import os
import re
import reprlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from remotebatch.errors import InvalidSetting

Checked = TypeVar("Checked", bound=msgspec.Struct)

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that every provider understands. A provider adds its own in a subclass."""

    vcpu_count: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """vCPUs, and so task slots, that each task occupies (Wolfram: VCPUCount)."""
    job_priority: Annotated[float, Meta(ge=-1, le=1)] = 0.0
    """From -1 (last) to +1 (first) among the jobs of a pool (Wolfram: JobPriority)."""
    container_image: Annotated[str, Meta(min_length=1)] | None = None
    """Image to run each task in; None for the provider's default (Wolfram: ContainerImage)."""
    time_constraint: Annotated[float, Meta(gt=0)] | timedelta | None = None
    """Longest run of a task, in seconds or as a timedelta (Wolfram: TimeConstraint)."""
    max_retries: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """How often a failed task is run again before it counts as failed."""
    input_files: dict[str, Any] = {}
    """Files put in each task's working directory: name → path or bytes (Wolfram: RemoteInputFiles)."""
    environment: dict[str, str] = {}
    """Environment variables for the tasks."""
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """Name of the job; by default the function's (Wolfram: RemoteJobName)."""
    gpu_count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """GPUs for each task."""
    include_definitions: bool = True
    """Whether the user's own, uninstalled modules travel with the function (Wolfram: IncludeDefinitions)."""

    def __post_init__(self) -> None:
        if isinstance(self.time_constraint, timedelta) and self.time_constraint <= timedelta(0):
            raise ValueError(f"time_constraint={self.time_constraint!r}: must be longer than nothing")
        for variable in self.environment:
            if not _VARIABLE_NAME.fullmatch(variable):
                raise ValueError(f"environment: {variable!r} is not a name for a variable")
            _check_text("environment", self.environment[variable], f"the value of {variable!r}")
            if variable.startswith("REMOTEBATCH_"):
                raise ValueError(f"environment: {variable!r}: names with REMOTEBATCH_ are set by remotebatch")
        _check_text("name", self.name or "", "it")
        for name, source in self.input_files.items():
            _check_input_file(name, source)
        _check_places(self.input_files)

    @property
    def time_limit(self) -> float | None:
        """The time constraint in seconds; None for none."""
        given = self.time_constraint
        return given.total_seconds() if isinstance(given, timedelta) else given


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
        raise InvalidSetting(_explain(str(error), values, fields, what)) from None


def _explain(message: str, values: Mapping[str, Any], fields: Mapping[str, Any], what: str) -> str:
    text, _, path = message.partition(" - at `$.")
    name = re.split(r"[.\[`]", path)[0]
    if name not in fields:
        return text
    if not text.startswith(("Expected", "Invalid enum value")):  # a nested value's own check
        return f"{what} {name}: {text[0].lower()}{text[1:]}"
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


def _check_text(setting: str, text: str, what: str) -> None:
    """Refuse what no environment variable and no file name can hold."""
    if "\0" in text or (not text.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise ValueError(f"{setting}: {what} has a null character or half a surrogate pair in it")


def _check_places(input_files: Mapping[str, Any]) -> None:
    """Refuse files that cannot all be there: two of one name, or one where another has a directory."""
    places: dict[Path, str] = {}
    for name in input_files:
        if Path(name) in places:
            raise ValueError(f"input_files: {places[Path(name)]!r} and {name!r} are the same place")
        places[Path(name)] = name
    for path, name in places.items():
        for parent in path.parents:
            if parent in places:
                raise ValueError(f"input_files: {places[parent]!r} is a file, so {name!r} cannot lie in it")


def _check_input_file(name: str, source: Any) -> None:
    _check_text("input_files", name, f"{name!r}")
    path = Path(name)
    if path.parts[:1] == ("JobOutput",):
        raise ValueError(f"input_files: {name!r} lies in JobOutput, which is for what the task writes")
    if not name or path.is_absolute() or ".." in path.parts or path == Path("."):
        raise ValueError(
            f"input_files: {name!r} must be a relative path that stays inside the working directory"
        )
    if isinstance(source, bytes):
        return
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(f"input_files: {name!r} is a {type(source).__name__}; give a path or bytes")
    if not Path(source).is_file():
        found = "is a directory; name its files one by one" if Path(source).is_dir() else "does not exist"
        raise ValueError(f"input_files: {name!r}: {os.fspath(source)!r} {found}")
