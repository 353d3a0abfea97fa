"""Classes that travel by value: what they consist of, and how they are made again without the user's code.

Making a class runs the ``__new__`` of its metaclass and the ``__init_subclass__`` of its bases, which may
register it or want arguments. What they did is part of what travels, so they are not run a second time.
"""

from __future__ import annotations

import abc
import enum
import hashlib
import sys
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

_ENUM_INTERNALS = frozenset(
    {
        "_generate_next_value_",
        "_member_names_",
        "_member_map_",
        "_member_type_",
        "_value2member_map_",
        "_hashable_values_",
        "_unhashable_values_",
        "_unhashable_values_map_",
    }
)
_MEMBER_INTERNALS = frozenset({"_name_", "_value_", "__objclass__", "_sort_order_"})
_MADE_ANEW = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__", "__slots__"})


class _Known:
    def __init__(self, cls: type, identity: str, complete: bool) -> None:
        key = id(cls)
        self.cls = weakref.ref(cls, lambda _: _known.pop(key, None))
        self.identity = identity
        self.complete = complete


_known: dict[int, _Known] = {}  # by the class's id: a metaclass may make it unhashable
_lock = threading.Lock()
_by_identity: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()


def identity_of(cls: type) -> str:
    """What names a class in all processes: for one at the top of a module its name and what it consists of.

    So a script that is run a second time finds its own classes in stored results.
    """
    known = _known.get(id(cls))
    if known is None or known.cls() is not cls:
        known = _remember(cls, _fingerprint(cls) if is_named(cls) else uuid.uuid4().hex, complete=True)
    return known.identity


def is_named(cls: type) -> bool:
    """Whether its module has the class under its name."""
    return named(cls.__module__, cls.__qualname__) is cls


def named(home: str, qualname: str) -> Any:
    """What a module has under a name with dots; None where it has nothing."""
    found: Any = sys.modules.get(home)
    for name in qualname.split("."):
        namespace = vars(found) if isinstance(found, (ModuleType, type)) else {}
        found = namespace.get(name)
    return found


def find(identity: str, home: str, qualname: str) -> type | None:
    """The class that is meant, if this process has it."""
    cls = named(home, qualname)
    if isinstance(cls, type) and identity_of(cls) == identity:
        return cls
    return _by_identity.get(identity)


def is_complete(cls: type) -> bool:
    """Whether a class that was found or made has its attributes."""
    return _known[id(cls)].complete


def state_of(cls: type) -> tuple[dict[str, Any], list[type], dict[str, dict[str, Any]], Any]:
    """Attributes; classes registered with an abstract one; attributes of an enum's members; what it is in."""
    registered: list[type] = []
    skipped = _MADE_ANEW
    members: dict[str, dict[str, Any]] = {}
    if isinstance(cls, abc.ABCMeta):
        references, *_ = abc._get_dump(cls)  # type: ignore[attr-defined]
        registered = [found for reference in references if (found := reference()) is not None]
        skipped |= {"_abc_impl"}
    if isinstance(cls, enum.EnumMeta):
        skipped |= _ENUM_INTERNALS | cls.__members__.keys()
        for name, member in members_of(cls).items():
            state = vars(member).items()
            members[name] = {key: value for key, value in state if key not in _MEMBER_INTERNALS}
    attributes = {
        name: value
        for name, value in vars(cls).items()
        if name not in skipped and not (isinstance(value, MemberDescriptorType) and value.__objclass__ is cls)
    }
    if attributes.pop("__annotate_func__", None) is not None:  # needs the namespace of the class's body
        attributes.pop("__annotations_cache__", None)
        attributes["__annotations__"] = _annotations(cls)
    outermost = cls.__qualname__.partition(".")[0]
    inside = named(cls.__module__, outermost) if is_named(cls) and outermost != cls.__name__ else None
    return attributes, registered, members, inside


def members_of(cls: enum.EnumMeta) -> Mapping[str, enum.Enum]:
    """Members of an enumeration, aliases included, by their names."""
    members: Mapping[str, enum.Enum] = cls.__members__
    return members


def make(identity: str, metaclass: type, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
    """A class without its attributes."""
    with _quiet(bases):
        made = _constructor(metaclass)(metaclass, _name_in(namespace), bases, namespace)
    _remember(made, identity, complete=False)
    return made


def make_enum(
    identity: str,
    metaclass: type,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    members: dict[str, Any],
) -> type:
    """An enumeration with its members, which lack further attributes of theirs."""
    name = _name_in(namespace)
    content: Any = enum.EnumMeta.__prepare__(name, bases)
    for key, value in {**namespace, **members}.items():
        content[key] = value
    made: type = enum.EnumMeta.__new__(metaclass, name, bases, content)
    _remember(made, identity, complete=False)
    return made


def complete(
    cls: type,
    attributes: dict[str, Any],
    registered: list[type],
    members: dict[str, dict[str, Any]],
) -> None:
    """Give a class its attributes, unless it has them."""
    if is_complete(cls):
        return
    _known[id(cls)].complete = True
    for name, value in attributes.items():
        type.__setattr__(cls, name, value)
    for name, state in members.items():
        vars(cls.__members__[name]).update(state)  # type: ignore[attr-defined]
    for other in registered:
        abc.ABCMeta.register(cls, other)  # type: ignore[arg-type]


def _remember(cls: type, identity: str, complete: bool) -> _Known:
    known = _known[id(cls)] = _Known(cls, identity, complete)
    _by_identity.setdefault(identity, cls)
    return known


def _constructor(metaclass: type) -> Callable[..., type]:
    """The ``__new__`` that a metaclass cannot do without: an abstract class's, or one that is not Python."""
    if issubclass(metaclass, abc.ABCMeta):
        return abc.ABCMeta.__new__
    for cls in metaclass.__mro__:
        if "__new__" in vars(cls) and not isinstance(vars(cls)["__new__"], staticmethod):
            return cls.__new__
    return type.__new__


def _name_in(namespace: dict[str, Any]) -> str:
    qualname: str = namespace["__qualname__"]
    return qualname.rpartition(".")[2]


@contextmanager
def _quiet(bases: tuple[type, ...]) -> Iterator[None]:
    """Keep the ``__init_subclass__`` of the user's classes from being called."""
    loud = [
        cls
        for cls in {cls for base in bases for cls in base.__mro__}
        if isinstance(vars(cls).get("__init_subclass__"), classmethod) and not _is_standard(cls)
    ]
    if not loud:
        yield
        return
    with _lock:
        kept = [(cls, vars(cls)["__init_subclass__"]) for cls in loud]
        try:
            for cls in loud:
                type.__setattr__(cls, "__init_subclass__", classmethod(lambda *_, **__: None))
            yield
        finally:
            for cls, method in kept:
                type.__setattr__(cls, "__init_subclass__", method)


def _is_standard(cls: type) -> bool:
    return cls.__module__.partition(".")[0] in sys.stdlib_module_names and cls.__module__ != "__main__"


def _fingerprint(cls: type) -> str:
    own = f"{cls.__qualname__}."
    parts: list[Any] = [cls.__module__, cls.__qualname__, [base.__qualname__ for base in cls.__bases__]]
    for name, value in sorted(vars(cls).items()):
        function = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(function, FunctionType) and function.__qualname__.startswith(own):
            parts.append((name, _essence(function.__code__)))
    parts.append(sorted(_annotations(cls)))
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _essence(code: CodeType) -> tuple[Any, ...]:
    """What code does, wherever it stands."""
    constants = [
        _essence(constant) if isinstance(constant, CodeType) else repr(constant)
        for constant in code.co_consts
    ]
    return code.co_code, code.co_names, code.co_varnames, constants


def _annotations(cls: type) -> dict[str, Any]:
    try:
        found = cls.__annotations__ if "__annotate_func__" in vars(cls) else vars(cls).get("__annotations__")
    except Exception:  # evaluated only now, since Python 3.14, with names that only a type checker has
        return {}
    return found or {}
