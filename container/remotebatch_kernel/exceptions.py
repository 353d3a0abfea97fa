"""Carry a user's exception across processes with its type, arguments and attributes.

The path ``remotebatch_kernel.exceptions.rebuild`` stands in stored results, so neither the module nor the
function may be moved or renamed, and its parameters stay as they are.
"""

from __future__ import annotations

import pickle
import traceback
from typing import Any

from remotebatch_kernel import pickling


def rebuild(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    """Make the exception without calling ``__init__``, whose signature may not fit ``args``."""
    exception = cls.__new__(cls, *args)
    exception.args = args
    exception.__dict__.update(state)
    return exception


def dump(exception: BaseException) -> bytes | None:
    """Pickle an exception, or return None where nothing faithful can be made of it.

    Whatever is returned has been loaded once here, so a type whose own reduction is broken (the
    usual case: ``__init__`` wants other arguments than ``args`` holds) is caught on this side.
    """
    state = dict(exception.__dict__)
    state.pop("__notes__", None)  # the client adds its own; the user's are in the traceback text
    for candidate in (exception, _Rebuilt(exception, state)):
        try:
            data = pickling.dumps(candidate)
            copy = pickle.loads(data)
        except Exception:  # whatever a user's __reduce__ or __init__ raises: try the next way
            continue
        if (
            type(copy) is type(exception)
            and _same(copy.args, exception.args)
            and copy.__dict__.keys() >= state.keys()
        ):
            return data
    return None


class _Rebuilt:
    """Pickles as a call of :func:`rebuild`."""

    def __init__(self, exception: BaseException, state: dict[str, Any]) -> None:
        self.exception, self.state = exception, state

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self.exception), self.exception.args, self.state)


def _same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    # by type alone: arguments such as arrays do not compare to a single truth value
    return len(left) == len(right) and all(type(a) is type(b) for a, b in zip(left, right))


def type_name(exception: BaseException) -> str:
    """The qualified name as a traceback prints it: builtins without their module."""
    cls = type(exception)
    if cls.__module__ in ("builtins", "__main__"):
        return cls.__qualname__
    return f"{cls.__module__}.{cls.__qualname__}"


def summary(exception: BaseException) -> str:
    """The last lines of a traceback: type and message."""
    return "".join(traceback.format_exception_only(type(exception), exception)).strip()


def format_traceback(exception: BaseException, own_directory: str) -> str:
    """The traceback as text, without the kernel's own frames on top."""
    trace = exception.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(own_directory):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(exception), exception, trace))
