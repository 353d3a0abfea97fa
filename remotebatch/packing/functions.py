"""The function object: a function, and which of the user's own code it needs."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cloudpickle

from remotebatch.errors import CannotSend
from remotebatch.packing.code import CodePackage, collect, script
from remotebatch.packing.ownership import further_installed, is_everywhere
from remotebatch.packing.pickler import Needs, Pickler
from remotebatch.packing.refusals import explain_function
from remotebatch.packing.state import warn_of_state
from remotebatch_kernel.formats import envelope


class CodeSettings(NamedTuple):
    """Which of the user's own code travels; see :class:`~remotebatch.JobSettings`."""

    travels: bool = True
    include: Sequence[str | os.PathLike[str]] = ()
    exclude: Sequence[str] = ()


ALL_CODE = CodeSettings()
"""What travels where nothing is set."""


@dataclass(frozen=True)
class FunctionObject:
    """A packed function, addressed by its content."""

    name: str
    data: bytes
    digest: str
    """SHA-256 of the data, in hex."""
    preload: list[str]
    """Installed modules, outside the standard library, that unpickling it imports."""
    code: CodePackage | None
    """The user's own modules that it needs."""


class PackedFunction:
    """A function that is pickled, and gets its code package when its arguments have been pickled too.

    :raises CannotSend: naming what it holds that cannot be pickled.
    """

    def __init__(
        self, function: Callable[..., Any], initializer: Callable[[], Any] | None, code: CodeSettings
    ) -> None:
        self.name = _name_of(function)
        self.needs = Needs()
        """What the function needs of the user's own code; the arguments add to it."""
        self._functions = function, initializer
        self._code = code
        buffer = io.BytesIO()
        content = {"function": function, "initializer": initializer}
        try:
            Pickler(buffer, self.needs).dump(content)
        except Exception as error:  # raised by a user's __reduce__
            raise CannotSend(explain_function(self.name, function, error)) from error
        self._payload = buffer.getvalue()

    def finish(self) -> FunctionObject:
        """The function object.

        :raises CannotSend: if a package of the user's is too large, or cannot be read.
        :raises InvalidSetting: if something to include is not there.
        """
        main, file = script()
        code = None
        if self._code.travels:
            needed = file if self.needs.main else None
            code = collect(self.needs.modules, needed, self._code.include, self._code.exclude, file)
        if code is not None:
            warn_of_state(code.found, self.name, self._functions)
        if file is not None and code is not None and self.needs.main:
            main = main._replace(file=code.path_of(file))
        data = envelope.pack(
            {
                "kind": "function",
                "name": self.name,
                "python": list(sys.version_info[:3]),
                "cloudpickle": cloudpickle.__version__,
                "main": main,
                "code": code.description if code else None,
                "source_lines": self.needs.source_lines,
                "installed": further_installed(),
            },
            self._payload,
        )
        digest = hashlib.sha256(data).hexdigest()
        return FunctionObject(self.name, data, digest, sorted(self._installed()), code)

    def _installed(self) -> set[str]:
        return {
            name
            for name in self.needs.modules
            if name in sys.modules
            and (package := name.partition(".")[0]) not in sys.stdlib_module_names
            and package not in _NOT_PRELOADED
            and is_everywhere(package)
        }


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    name: str = getattr(function, "__qualname__", None) or type(function).__qualname__
    return name.rpartition("<locals>.")[2]


_NOT_PRELOADED = frozenset({"__main__", "cloudpickle", "remotebatch_kernel", ""})
