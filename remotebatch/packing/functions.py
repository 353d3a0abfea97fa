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
from remotebatch.packing.ownership import further_installed, locate
from remotebatch.packing.pickler import Needs, Pickler
from remotebatch.packing.preloading import used_modules
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
    """Installed modules that unpickling it imports, other than those of the standard library."""
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
            raise CannotSend(explain_function(self.name, function, initializer, error)) from None
        self._payload = buffer.getvalue()

    def finish(self) -> FunctionObject:
        """The function object.

        :raises CannotSend: if a package of the user's is too large, or cannot be read.
        :raises InvalidSetting: if something to include is not there.
        """
        main, file = script()
        names, needed = set(self.needs.modules), file
        if not self.needs.main:  # child processes of the task import neither
            main, needed = main._replace(module=None), None
        elif main.module is not None:
            names.add(main.module)
        code = None
        if self._code.travels:
            code = collect(names, needed, self._code.include, self._code.exclude, file)
        if code is not None:
            warn_of_state(code.found, code.touched, self.name, self._functions)
        if needed is not None and code is not None:
            main = main._replace(file=code.path_of(needed))
        used = used_modules(self.needs.modules)
        data = envelope.pack(
            {
                "kind": "function",
                "name": self.name,
                "python": list(sys.version_info[:3]),
                "cloudpickle": cloudpickle.__version__,
                "main": main,
                "code": code.description if code else None,
                "registrations": code.registrations if code else [],
                "source_lines": self.needs.source_lines,
                "standard_modules": used.standard,
                "unsent": {} if self._code.travels else self._unsent(),
                "installed": further_installed(),
            },
            self._payload,
        )
        digest = hashlib.sha256(data).hexdigest()
        preload = sorted({*used.installed, *self.needs.preload})
        return FunctionObject(self.name, data, digest, preload, code)

    def _unsent(self) -> dict[str, str]:
        """The user's own modules that are needed and do not travel, and why."""
        packages = sorted({name.partition(".")[0] for name in self.needs.modules})
        return {package: "include_definitions is off" for package in packages if locate(package)}


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    try:
        name = function.__qualname__
    except Exception:  # a callable object: it has none, or makes its attributes as it likes
        name = ""
    name = name if isinstance(name, str) and name else type(function).__qualname__
    return name.rpartition("<locals>.")[2]
