"""Why a packed function or its arguments cannot be unpickled, in words."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from remotebatch_kernel import exceptions
from remotebatch_kernel.evaluation import user_code
from remotebatch_kernel.evaluation.failure import KernelFailure
from remotebatch_kernel.formats import exit_codes
from remotebatch_kernel.system.sigterm import Terminated

_Loads = Callable[[Any], Any]


class RaisedAtImport(Exception):
    """One of the user's own modules raised while it was imported: an error of the user's code."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__} while one of the user's modules was imported")
        self.error = error


class Place(NamedTuple):
    """What is unpickled, and where."""

    what: str
    """Such as "function work"."""
    exit_code: int
    image: str
    """The container image; "" for a process."""
    unsent: dict[str, str]
    """The user's own modules that it needs and that did not travel, and why."""


def explained(error: BaseException, place: Place, again: Callable[[_Loads], object]) -> BaseException:
    """What to raise in place of what unpickling raised.

    :param again: unpickles once more, with another function than ``pickle.loads``.
    """
    if isinstance(error, (Terminated, MemoryError, KernelFailure)):
        return error
    compiled = user_code.compiled_for_another(error) if isinstance(error, ImportError) else None
    if compiled is not None:
        message = (
            f"{place.what} needs a compiled module that cannot be imported where the task runs: {compiled}. "
            f"Install it there, or choose a container_image of the platform that it is compiled for"
        )
        return KernelFailure("ModuleMissing", exit_codes.MODULE_MISSING, message)
    if isinstance(error, ModuleNotFoundError):
        return KernelFailure("ModuleMissing", exit_codes.MODULE_MISSING, _missing_module(error, place))
    if user_code.strip_to_import(error):
        return RaisedAtImport(error)
    if not isinstance(error, Exception):
        return error
    lacking = _missing_name(again) if isinstance(error, AttributeError) else None
    message = _missing_name_text(place, *lacking) if lacking else ""
    if not message:
        where = user_code.line_in_user_code(error)
        message = f"{place.what} cannot be read: {exceptions.summary(error)}"
        message += f", raised at {where}" if where else ""
    return KernelFailure("InputUnavailable", place.exit_code, message)


def _missing_module(error: ModuleNotFoundError, place: Place) -> str:
    name = error.name or str(error)
    top = name.partition(".")[0]
    where, computed = user_code.import_in_user_code(error)
    needs = f"{place.what} needs the module {name!r}" + (f" (imported at {where})" if where else "")
    if top in place.unsent:
        return (
            f"{needs}, which is your own and did not travel, because {place.unsent[top]}: "
            f"let it travel, or install it where the task runs"
        )
    if user_code.has_travelled(top):
        return (
            f"{needs}, which is not among the files of your own package {top!r} that travelled: "
            f"if it lies elsewhere, or exclude= leaves it out, name it with include="
        )
    if place.image:
        remedy = f"the image {place.image!r} has none; choose a container_image that has it"
    else:
        remedy = (
            f"install it into the Python there, {sys.executable}, or choose a container_image that has it"
        )
    if computed:
        remedy += ". If it is a module of your own, name it with include=, because its name is computed"
    return f"{needs}, which is not installed where the task runs: {remedy}"


def _missing_name(again: Callable[[_Loads], object]) -> tuple[str, str] | None:
    """The module and the name that were looked up last."""
    found: list[tuple[str, str]] = []

    class Looking(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.append((module, name))
            value = super().find_class(module, name)
            found.pop()
            return value

    try:
        again(lambda data: Looking(io.BytesIO(data)).load())
    except Exception:  # the same as before
        return found[-1] if found else None
    return None


def _missing_name_text(place: Place, module: str, name: str) -> str:
    there = sys.modules.get(module)
    file = user_code.at_client(str(getattr(there, "__file__", "built in")))
    needs = f"{place.what} needs {name!r} of the module {module!r}"
    if module == "__main__":
        return f"{needs}: only the script defines it, which runs in no task; define it in a module"
    if user_code.has_travelled(module.partition(".")[0]):
        return (
            f"{needs} ({file} as it was at submission), which does not define it where the task runs: "
            f"define it whenever the module is imported; if the file has changed since you imported it, "
            f"import it anew"
        )
    return f"{needs} ({file}), which has none where the task runs: install the version there that is here"
