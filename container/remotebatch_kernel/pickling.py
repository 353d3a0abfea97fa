"""Pickles functions, classes and everyday objects that the standard library's pickle refuses.

What can be imported is pickled by name, as cloudpickle does. A function that cannot is rebuilt by
:mod:`.rebuilding` with the globals of its own module, which is imported where it has a source: so it sees the
same state as that module's other code. Code travels as ``marshal`` writes it, with its file names and lines;
both sides run the same minor version of Python, which is checked before anything is unpickled.
"""

from __future__ import annotations

import dis
import enum
import functools
import importlib
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import (
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

import cloudpickle

from remotebatch_kernel import classes, rebuilding, reducers

_GLOBAL_STEPS = frozenset(
    {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
)
_REACH_ALL = frozenset({"eval", "exec", "globals", "vars", "__import__"})
"""Names by which a function may reach more of its module than its code shows."""
_ATTRIBUTES = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__") + (
    ("__type_params__",) if sys.version_info >= (3, 12) else ()
)
_PER_PROCESS = ("__builtins__", "__spec__", "__loader__")
_WITH_STATE = 3
"""Length of a reduction from which on it has a state."""
_by_value_lock = threading.Lock()


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles by name what can be imported, and the rest by value."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._private: dict[int, dict[str, Any]] = {}  # id of a namespace → what stands for it
        self.stand_ins = {
            id(module): name
            for name, module in list(sys.modules.items())
            if module is not None and not isinstance(module, ModuleType)
        }
        """Ids of objects that have taken the places of modules → those modules' names."""

    def reducer_override(self, obj: Any) -> Any:
        """Decide how an object is pickled."""
        kind = type(obj)
        reduce = reducers.REDUCERS.get(kind)
        if reduce is not None:
            return reduce(obj)
        if kind is FunctionType:
            return self._function(obj)
        if isinstance(obj, type):
            return self._class(obj)
        if isinstance(obj, ModuleType) and not has_source(obj):
            state = {name: value for name, value in vars(obj).items() if name not in _PER_PROCESS}
            return rebuilding.make_module, (obj.__name__,), state, None, None, rebuilding.set_module
        if kind is _LruCache:
            return self._lru_cache(obj)
        if kind is MethodType and _is_of_imported_class(obj):
            return getattr, (obj.__self__, obj.__name__)
        if isinstance(obj, BaseException) and reducers.needs_own_arguments(kind):
            return rebuilding.make_exception, (kind, obj.args), reducers.state_of_exception(obj)
        if getattr(obj, "__module__", None) == "__main__":
            reduced = reducers.global_of_main(obj)
            if reduced is not None:
                return reduced
        if id(obj) in self.stand_ins:
            return importlib.import_module, (self.stand_ins[id(obj)],)
        return super().reducer_override(obj)

    def code_travels(self, function: FunctionType, imported: bool) -> None:
        """Note that a function's code travels by value.

        :param imported: whether its module is imported when it is unpickled.
        """

    def _function(self, function: FunctionType) -> Any:
        by_name = _is_sent_by_name(function)
        if by_name is None:
            with _by_value(sys.modules.get(function.__module__ or "")):
                by_name = super().reducer_override(function) is NotImplemented
        return NotImplemented if by_name else self._function_by_value(function)

    def _function_by_value(self, function: FunctionType) -> tuple[Any, ...]:
        namespace = function.__globals__
        home = str(namespace.get("__name__"))
        module = sys.modules.get(home)
        whole = module is not None and vars(module) is namespace
        names = set(global_names(function.__code__))
        used = {name: namespace[name] for name in sorted(names) if name in namespace}
        place, name = rebuilding.PRIVATE, ""
        if whole and home != "__main__" and module is not None and has_source(module):
            if used or names & _REACH_ALL:
                place, used = rebuilding.IMPORTED, {}
        elif whole:
            place = rebuilding.REBUILT
            if classes.named(home, function.__qualname__) is function:
                name = function.__qualname__
                if name == function.__name__:
                    used[name] = function  # where a pickle of it is looked up
        self.code_travels(function, place == rebuilding.IMPORTED)
        private = self._private.setdefault(id(namespace), {"__package__": namespace.get("__package__")})
        attributes = {name: getattr(function, name) for name in _ATTRIBUTES} | vars(function)
        attributes["__annotations__"] = _annotations(function)
        contents = [cell_contents(cell) for cell in function.__closure__ or ()]
        submodules = _submodules(
            function.__code__, [*used.values(), *(value for (value,) in filter(None, contents))]
        )
        return (
            rebuilding.make_function,
            (function.__code__, home, name, place, private, function.__closure__),
            (used, contents, attributes, submodules),
            None,
            None,
            rebuilding.set_function,
        )

    def _class(self, cls: type) -> Any:
        by_name = _is_sent_by_name(cls)
        if by_name:
            return NotImplemented
        if by_name is None:
            with _by_value(sys.modules.get(cls.__module__)):
                reduced = super().reducer_override(cls)
            if not isinstance(reduced, tuple) or len(reduced) < _WITH_STATE:
                return reduced
        namespace = {
            name: value
            for name, value in vars(cls).items()
            if name in ("__module__", "__qualname__", "__slots__", "__orig_bases__")
        }
        namespace["__module__"], namespace["__qualname__"] = cls.__module__, cls.__qualname__
        members = None
        if isinstance(cls, enum.EnumMeta):
            members = {name: member.value for name, member in classes.members_of(cls).items()}
        home = cls.__module__ if classes.is_named(cls) else ""
        return (
            rebuilding.make_class,
            (classes.identity_of(cls), home, type(cls), cls.__bases__, namespace, members),
            classes.state_of(cls),
            None,
            None,
            rebuilding.set_class,
        )

    def _lru_cache(self, cached: Any) -> Any:
        module = sys.modules.get(cached.__module__ or "")
        if module is not None and module.__name__ != "__main__" and has_source(module):
            found: Any = module
            for name in cached.__qualname__.split("."):
                found = getattr(found, name, None)
            if found is cached:
                return cached.__qualname__
        parameters = cached.cache_parameters()
        state = {name: value for name, value in vars(cached).items() if name != "cache_parameters"}
        arguments = (parameters["maxsize"], parameters["typed"], cached.__wrapped__)
        return rebuilding.make_cached, arguments, state


def dumps(obj: Any) -> bytes:
    """Pickle an object."""
    buffer = io.BytesIO()
    Pickler(buffer).dump(obj)
    return buffer.getvalue()


def has_source(module: Any) -> bool:
    """Whether a module can be imported elsewhere, unlike one that was made at run time."""
    if not isinstance(module, ModuleType):
        return True  # an object that has taken a module's place
    if module.__name__ == "__main__":
        return False
    return getattr(module, "__spec__", None) is not None or getattr(module, "__file__", None) is not None


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all those within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@functools.lru_cache(maxsize=4096)
def global_names(code: CodeType) -> frozenset[str]:
    """The names that a code object takes from its module, or from the builtins."""
    return frozenset(
        step.argval
        for part in codes(code)
        for step in dis.get_instructions(part)
        if step.opname in _GLOBAL_STEPS
    )


def _submodules(code: CodeType, used: list[Any]) -> list[ModuleType]:
    """Modules like ``package.module`` that code reaches through a package that may not import them."""
    packages = [value for value in used if isinstance(value, ModuleType) and hasattr(value, "__path__")]
    if not packages:
        return []
    names = {name for part in codes(code) for name in part.co_names}
    prefixes = tuple(f"{package.__name__}." for package in packages)
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(prefixes)
        and isinstance(module, ModuleType)
        and any(
            set(name[len(prefix) :].split(".")) <= names for prefix in prefixes if name.startswith(prefix)
        )
    ]


def cell_contents(cell: CellType) -> tuple[Any, ...]:
    """What a cell of a closure holds: one object, or nothing."""
    try:
        return (cell.cell_contents,)
    except ValueError:  # a name that is not bound yet
        return ()


def _annotations(function: FunctionType) -> dict[str, Any]:
    try:
        return function.__annotations__
    except Exception:  # evaluated only now, since Python 3.14, with names that only a type checker has
        return {}


@contextmanager
def _by_value(module: ModuleType | None) -> Iterator[None]:
    """Have cloudpickle take what is in a module made at run time by value; its registry is global."""
    if module is None or has_source(module) or module.__name__ == "__main__":
        yield
        return
    with _by_value_lock:
        known = module.__name__ in cloudpickle.list_registry_pickle_by_value()
        if not known and module.__name__ in sys.modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            if not known and module.__name__ in sys.modules:
                cloudpickle.unregister_pickle_by_value(module)


def _is_sent_by_name(obj: FunctionType | type) -> bool | None:
    """Whether a function or class can be imported; None where that takes more than a look."""
    home, qualname = obj.__module__, obj.__qualname__
    if home == "__main__" or "<" in qualname:
        return False
    if home and classes.named(home, qualname) is obj and has_source(sys.modules[home]):
        return True
    return None


def _is_of_imported_class(method: MethodType) -> bool:
    """Whether it is a class method that its class, which is imported, has under its name."""
    cls = method.__self__
    if not isinstance(cls, type) or cls.__module__ == "__main__" or not classes.is_named(cls):
        return False
    return has_source(sys.modules[cls.__module__]) and getattr(cls, method.__name__, None) == method


_LruCache = type(functools.lru_cache(maxsize=1)(len))
