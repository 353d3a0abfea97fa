"""The function object: a function with all that it needs of the user's own code."""

from __future__ import annotations

import functools
import hashlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle

from remotebatch.errors import CannotSend
from remotebatch.packing.definitions import Definitions
from remotebatch.packing.pickler import Pickler
from remotebatch.packing.refusals import explain_function
from remotebatch_kernel.formats import envelope


@dataclass(frozen=True)
class FunctionObject:
    """A packed function, addressed by its content."""

    name: str
    data: bytes
    digest: str
    """SHA-256 of the data, in hex."""
    preload: list[str]
    """Installed modules, outside the standard library, that unpickling it imports."""


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
    pickler = Pickler(buffer, definitions if include_definitions else None)
    try:
        pickler.dump(content)
    except Exception as error:  # raised by a user's __reduce__
        raise CannotSend(explain_function(name, function, definitions, error)) from error
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


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name: str = getattr(function, "__qualname__", None) or type(function).__qualname__
    return name.rpartition("<locals>.")[2]
