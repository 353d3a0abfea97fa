"""Packing a call: the function object, the inputs object, and the refusal of what cannot be sent."""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import pickle
import shutil
import sys
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import IO, Any

import cloudpickle

from remotebatch.command import Command
from remotebatch.errors import CannotSend
from remotebatch.packing.definitions import Definitions, is_users_module
from remotebatch_kernel.formats import envelope, inputs
from remotebatch_kernel.modules import get_module

Element = tuple[tuple[Any, ...], Mapping[str, Any]]
"""Positional and keyword arguments of one call."""

_IN_MEMORY_BYTES = 4 * 1024 * 1024
_by_value_lock = threading.Lock()


@dataclass(frozen=True)
class FunctionObject:
    """A packed function, addressed by its content."""

    name: str
    data: bytes
    digest: str
    """SHA-256 of the data, in hex."""
    preload: list[str]
    """Installed modules, outside the standard library, that unpickling it imports."""


class Inputs:
    """The packed elements of a job. They live in memory or, beyond a few MB, in a temporary file."""

    def __init__(self) -> None:
        self._payload = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - see close
        self._lengths = array("Q")

    def add(self, element: bytes | memoryview) -> None:
        """Append a pickled element."""
        self._lengths.append(self._payload.write(element))

    def close(self) -> None:
        """Let go of the temporary file."""
        self._payload.close()

    @property
    def count(self) -> int:
        """Number of elements."""
        return len(self._lengths)

    @property
    def size(self) -> int:
        """Bytes of the inputs object."""
        return inputs.head_size(self.count) + sum(self._lengths)

    def write_to(self, file: IO[bytes]) -> None:
        """Write the inputs object (see :mod:`remotebatch_kernel.formats.inputs`)."""
        offsets = array("Q", [inputs.head_size(self.count)])
        for length in self._lengths:
            offsets.append(offsets[-1] + length)
        file.write(inputs.pack_head(offsets))
        self._payload.seek(0)
        shutil.copyfileobj(self._payload, file, 1 << 20)


def pack_function(
    function: Callable[..., Any], initializer: Callable[[], Any] | None, include_definitions: bool
) -> FunctionObject:
    """Pack a function with what it uses of the user's own modules.

    :raises CannotSend: naming what it holds that cannot be pickled.
    """
    definitions = Definitions()
    if include_definitions:
        definitions.reach(function, initializer)
    name = _name_of(function)
    content = {
        "function": function,
        "initializer": initializer,
        "modules": definitions.modules,
        "source_lines": definitions.source_lines,
    }
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, definitions if include_definitions else None)
    try:
        pickler.dump(content)
    except Exception as error:  # whatever a user's __reduce__ raises
        raise CannotSend(_explain_function(name, function, definitions, error)) from error
    data = envelope.pack(
        {
            "kind": "function",
            "name": name,
            "python": list(sys.version_info[:3]),
            "cloudpickle": cloudpickle.__version__,
        },
        buffer.getvalue(),
    )
    return FunctionObject(name, data, hashlib.sha256(data).hexdigest(), sorted(pickler.imports))


def pack_inputs(
    function: Callable[..., Any], elements: Iterable[Element], include_definitions: bool
) -> Inputs:
    """Pickle the elements one after another; memory stays bounded however many there are.

    :raises CannotSend: naming the argument, and the element if there are several.
    """
    packed = Inputs()
    definitions = Definitions() if include_definitions else None
    buffer = io.BytesIO()
    try:
        for args, kwargs in elements:
            buffer.seek(0)
            buffer.truncate()
            try:
                _Pickler(buffer, definitions).dump((args, dict(kwargs)))
            except Exception as error:  # whatever a user's __reduce__ raises
                raise CannotSend(_explain_argument(function, args, kwargs, packed.count, error)) from error
            packed.add(buffer.getvalue())
    except BaseException:
        packed.close()
        raise
    return packed


def pack_commands(commands: Iterable[Command]) -> Inputs:
    """Pack the argument lists of commands as elements, so that they lie where inputs lie.

    :raises CannotSend: if one is no command.
    """
    packed = Inputs()
    for position, command in enumerate(commands):
        if not isinstance(command, Command):
            packed.close()
            raise CannotSend(f"element {position} is {command!r}: a job of commands takes commands only")
        packed.add(pickle.dumps((command.argv, {})))
    return packed


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """cloudpickle, sending the user's own modules by value and noting the installed ones it names."""

    def __init__(self, file: IO[bytes], definitions: Definitions | None) -> None:
        super().__init__(file)
        self._definitions = definitions
        self.imports: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, ModuleType):
            if self._definitions is not None and is_users_module(obj.__name__):
                return get_module, (obj.__name__,), self._definitions.module_state(obj)
            self._note(obj.__name__)
        elif isinstance(obj, (type, FunctionType, BuiltinFunctionType)):
            module = getattr(obj, "__module__", None)
            if module and self._definitions is not None and is_users_module(module):
                return self._by_value(obj, module)
            self._note(module)
        return super().reducer_override(obj)

    def _by_value(self, obj: Any, module: str) -> Any:
        assert self._definitions is not None
        self._definitions.reach(obj)
        with _registered(module):
            return super().reducer_override(obj)

    def _note(self, module: str | None) -> None:
        package = (module or "").partition(".")[0]
        if module and package not in sys.stdlib_module_names and package not in _NOT_PRELOADED:
            self.imports.add(module)


_NOT_PRELOADED = frozenset({"__main__", "cloudpickle", "remotebatch_kernel", ""})


@contextmanager
def _registered(module: str) -> Iterator[None]:
    """Have cloudpickle take one of the user's modules by value, just now; its registry is global."""
    with _by_value_lock:
        if module not in sys.modules or module in cloudpickle.list_registry_pickle_by_value():
            yield
            return
        cloudpickle.register_pickle_by_value(sys.modules[module])
        try:
            yield
        finally:
            cloudpickle.unregister_pickle_by_value(sys.modules[module])


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name: str = getattr(function, "__qualname__", None) or type(function).__qualname__
    return name.rpartition("<locals>.")[2]


def _explain_argument(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    position: int,
    error: Exception,
) -> str:
    for name, value in _named_arguments(function, args, kwargs):
        culprit = _culprit(value)
        if culprit:
            return f"argument {name!r}{_of_element(position)}: {culprit}"
    return f"the arguments{_of_element(position)} cannot be sent: {error}"


def _of_element(position: int) -> str:
    return f" of element {position}" if position else ""


def _named_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a builtin without a signature
        names = []
    for position, value in enumerate(args):
        yield (names[position] if position < len(names) else str(position)), value
    yield from kwargs.items()


def _explain_function(
    name: str, function: Callable[..., Any], definitions: Definitions, error: Exception
) -> str:
    for where, value in _held_by(function, definitions):
        culprit = _culprit(value)
        if culprit:
            return f"function {name!r} uses {where}: {culprit}. Make it inside the function instead"
    return f"function {name!r} cannot be sent: {error}"


def _held_by(function: Callable[..., Any], definitions: Definitions) -> Iterator[tuple[str, Any]]:
    if isinstance(function, functools.partial):
        yield from (
            (f"argument {position} of the partial", arg) for position, arg in enumerate(function.args)
        )
        yield from ((f"argument {name!r} of the partial", arg) for name, arg in function.keywords.items())
        function = function.func
    if isinstance(function, MethodType):
        yield "its object, 'self'", function.__self__
    if isinstance(function, FunctionType):
        closure = inspect.getclosurevars(function)
        yield from (
            (f"{name!r} of the enclosing function", value) for name, value in closure.nonlocals.items()
        )
        yield from ((f"the global {name!r}", value) for name, value in closure.globals.items())
    for module, attributes in definitions.modules.items():
        yield from ((f"{module}.{name}", value) for name, value in attributes.items())


def _culprit(value: Any, depth: int = 0) -> str | None:
    """Say which object inside ``value`` cannot be pickled, or None if it can."""
    try:
        _Pickler(io.BytesIO(), Definitions()).dump(value)
    except Exception as error:  # whatever a user's __reduce__ raises
        for part in _parts(value) if depth < _CULPRIT_DEPTH else ():
            found = _culprit(part, depth + 1)
            if found:
                return found
        kind = type(value)
        module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
        return f"{module}{kind.__qualname__} cannot be sent ({error})"
    return None


_CULPRIT_DEPTH = 4


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, (type, FunctionType)):
        yield from vars(value).values()
