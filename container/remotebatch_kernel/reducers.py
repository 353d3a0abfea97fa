"""How objects are pickled that the standard library's pickle refuses, or does not make again as they were."""

from __future__ import annotations

import contextvars
import copyreg
import gc
import marshal
import pickle
import threading
import typing
import weakref
from collections import OrderedDict
from collections.abc import Callable
from types import (
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
)
from typing import Any

import cloudpickle

from remotebatch_kernel import rebuilding

_WITHOUT_REFERENCES = 2
"""Version of marshal's format whose bytes depend on the code alone, not on reference counts."""


def _code(code: CodeType) -> tuple[Any, ...]:
    try:
        return marshal.loads, (_marshalled(code),)
    except ValueError:  # constants that no compiler makes, but a library that rewrites code
        reduce: Callable[[CodeType], tuple[Any, ...]] = cloudpickle.Pickler.dispatch_table[CodeType]
        return reduce(code)


def _marshalled(code: CodeType) -> bytes:
    try:
        return marshal.dumps(code, _WITHOUT_REFERENCES)
    except ValueError:  # slices among the constants, since Python 3.14
        return marshal.dumps(code)


def _proxy(proxy: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    """A view of a mapping that may travel too, as that of a generic function's implementations."""
    (mapping,) = gc.get_referents(proxy)[:1] or (dict(proxy),)
    return MappingProxyType, (mapping,)


def needs_own_arguments(kind: type[BaseException]) -> bool:
    """Whether an exception has an ``__init__`` of its own, and the reduction of those that have none."""
    return (
        isinstance(kind.__init__, FunctionType)
        and isinstance(kind.__reduce__, MethodDescriptorType)
        and kind.__reduce_ex__ is object.__reduce_ex__
    )


def state_of_exception(exception: BaseException) -> dict[str, Any]:
    """Its attributes, with those that built-in exceptions keep in a place of their own."""
    names = {
        name
        for cls in type(exception).__mro__
        if cls.__module__ == "builtins"
        for name, member in vars(cls).items()
        if isinstance(member, MemberDescriptorType) and not name.startswith("__")
    }
    kept = {name: getattr(exception, name, None) for name in sorted(names - {"obj"})}
    return {name: value for name, value in kept.items() if value is not None} | vars(exception)


def global_of_main(obj: Any) -> tuple[Any, ...] | None:
    """The reduction of what pickles by its name in ``__main__``; None for anything else."""
    kind = type(obj)
    if kind in _TYPING:
        return rebuilding.make_global, (obj.__name__, kind, kind, _TYPING[kind](obj))
    if kind.__module__ != "__main__" or not {"__reduce__", "__reduce_ex__"} & {
        name for cls in kind.__mro__[:-1] for name in vars(cls)
    }:
        return None
    name = obj.__reduce_ex__(pickle.DEFAULT_PROTOCOL)
    if not isinstance(name, str):
        return None
    return (
        rebuilding.make_global,
        (name, kind, copyreg.__newobj__, (kind,)),  # type: ignore[attr-defined]
        getattr(obj, "__dict__", {}),
        None,
        None,
        rebuilding.set_global,
    )


def _context_variable(variable: contextvars.ContextVar[Any]) -> tuple[Any, ...]:
    default = _value_of(lambda: contextvars.Context().run(variable.get))
    value = _value_of(variable.get) if variable in contextvars.copy_context() else ()
    return rebuilding.make_context_variable, (variable.name, default, value)


def _value_of(get: Callable[[], Any]) -> tuple[Any, ...]:
    try:
        return (get(),)
    except LookupError:
        return ()


def _view(kind: type, name: str) -> Callable[[Any], tuple[Any, ...]]:
    """Reduce a view of a dictionary that travels too."""
    return lambda view: (getattr(kind, name), tuple(gc.get_referents(view.mapping)[:1]))


_TYPING: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    getattr(typing, name): arguments
    for name, arguments in {
        "NewType": lambda made: (made.__name__, made.__supertype__),
        "ParamSpec": lambda made: (made.__name__,),
        "TypeVarTuple": lambda made: (made.__name__,),
        "TypeAliasType": lambda made: (made.__name__, made.__value__),
    }.items()
    if hasattr(typing, name)
}
"""Arguments that make again an object of typing which pickles by its name."""
REDUCERS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    CodeType: _code,
    CellType: lambda _: (rebuilding.make_cell, ()),  # filled by the function that uses it
    MappingProxyType: _proxy,
    type(threading.Lock()): lambda _: (threading.Lock, ()),
    type(threading.RLock()): lambda _: (threading.RLock, ()),
    threading.local: lambda _: (threading.local, ()),
    contextvars.ContextVar: _context_variable,
    **{
        type(getattr(kind(), name)()): _view(kind, name)
        for kind in (dict, OrderedDict)
        for name in ("keys", "values", "items")
    },
    weakref.ref: lambda reference: (rebuilding.make_reference, (reference(),)),
    weakref.WeakKeyDictionary: lambda mapping: (weakref.WeakKeyDictionary, (dict(mapping),)),
    weakref.WeakValueDictionary: lambda mapping: (weakref.WeakValueDictionary, (dict(mapping),)),
}
"""How objects are pickled that are refused elsewhere although a fresh one does: a lock is sent unlocked."""
