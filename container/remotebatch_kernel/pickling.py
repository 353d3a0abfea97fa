"""cloudpickle, keeping the file names and line numbers of code.

cloudpickle 3.1.3 writes ``<dynamic-code>`` for every code object's file, so that tracebacks have neither file
nor source line. Here code travels as ``marshal`` writes it, independent of what cloudpickle makes of it. Both
sides run the same minor version of Python, which is checked before anything is unpickled.
"""

from __future__ import annotations

import io
import marshal
from types import CodeType
from typing import Any

import cloudpickle

_WITHOUT_REFERENCES = 2
"""Version of marshal's format whose bytes depend on the code alone, not on reference counts."""


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles functions and classes by value where they cannot be imported."""

    def reducer_override(self, obj: Any) -> Any:
        """Decide how an object is pickled."""
        if type(obj) is CodeType:
            try:
                return marshal.loads, (_marshalled(obj),)
            except ValueError:  # constants that no compiler makes, but a library that rewrites code
                pass
        return super().reducer_override(obj)


def dumps(obj: Any) -> bytes:
    """Pickle an object."""
    buffer = io.BytesIO()
    Pickler(buffer).dump(obj)
    return buffer.getvalue()


def _marshalled(code: CodeType) -> bytes:
    try:
        return marshal.dumps(code, _WITHOUT_REFERENCES)
    except ValueError:  # slices among the constants, since Python 3.14
        return marshal.dumps(code)
