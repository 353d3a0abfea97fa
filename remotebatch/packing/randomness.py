"""Random generators that a function takes along, so that every child of an array draws the same numbers."""

from __future__ import annotations

import dis
import functools
import reprlib
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

from remotebatch.callers import users_level
from remotebatch.errors import RandomStateWarning
from remotebatch.packing.ownership import locate
from remotebatch_kernel.pickling import cell_contents, codes, has_source

_GENERATORS = (
    ("numpy.random", ("Generator", "BitGenerator", "RandomState")),
    ("random", ("Random",)),
    ("torch", ("Generator",)),
)
"""Types of generators and their modules, which are looked at only where they are imported already."""
_REMEDIES = {
    "numpy": "take remotebatch.task.rng() inside the function",
    "random": "make random.Random(remotebatch.task.seed()) inside the function",
    "torch": "make torch.Generator().manual_seed(remotebatch.task.seed()) inside the function",
}
_SEEDING = frozenset({"seed", "set_state"})
_LOADS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"})
_OF_CLOSURES = "LOAD_DEREF"
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_WITHOUT_EFFECT = frozenset({"EXTENDED_ARG", "CACHE", "PUSH_NULL", "NOP"})
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, CodeType})
_MOST_OBJECTS = 2000
_MOST_ITEMS = 1000
"""Of a container; a larger one is data."""
_DEEPEST = 6


class _Place(NamedTuple):
    """Where something is, in the user's terms."""

    words: str
    """A format for the path."""
    path: str
    anew: bool
    """Whether each task makes it anew, because it belongs to a module that is imported there."""

    def __str__(self) -> str:
        return self.words.format(self.path)

    def within(self, step: str) -> _Place:
        return self._replace(path=self.path + step)


def warn_of_generators(
    name: str, function: Callable[..., Any], initializer: Callable[[], Any] | None, arguments: list[str]
) -> None:
    """Warn if an array's function, or its initializer, holds a random generator or draws from numpy's own.

    :param name: of the function.
    :param arguments: arguments that are the same generator in all elements, see :func:`shared_arguments`.
    """
    search = _Search()
    for held in (function, initializer):
        search.add(held, _Place("{}", "self", False))
    search.run()
    same = [search.words(place) for place in search.found if not place.anew] + arguments
    anew = [search.words(place) for place in search.found if place.anew]
    problems = []
    if same:
        problems.append(f"every child begins with the same numbers of {', '.join(same)}")
    if anew:
        problems.append(
            f"every child makes {', '.join(anew)} anew: with a seed, all draw the same numbers; without one, "
            "their numbers cannot be had again"
        )
    if search.global_draws and not search.seeds:
        problems.append(
            f"{', '.join(sorted(search.global_draws))} draws from numpy's global generator, whose seed and "
            "state stay here, so that the numbers cannot be had again"
        )
    if problems:
        kinds = [library for library in _REMEDIES if f"({library}." in " ".join(problems)] or ["numpy"]
        remedy = ", or ".join(_REMEDIES[kind] for kind in kinds)
        text = f"array of {name!r}: {'; '.join(problems)}. To give each element its own, {remedy}"
        warnings.warn(text, RandomStateWarning, stacklevel=users_level())


def shared_arguments(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Generators that two elements have in common, in words.

    :param first: the arguments of one by their names.
    :param second: those of the other.
    """
    searches = _Search(), _Search()
    for search, arguments in zip(searches, (first, second)):
        for name, value in arguments.items():
            search.add(value, _Place("the argument {!r}", name, False))
        search.run()
    others = {id(generator) for generator in searches[1].found.values()}
    return [
        searches[0].words(place) for place, generator in searches[0].found.items() if id(generator) in others
    ]


class _Search:
    """Looks at objects and what they hold, each once, the nearest first."""

    def __init__(self) -> None:
        self.found: dict[_Place, Any] = {}
        """The generators, by where they are."""
        self.global_draws: set[str] = set()
        """Functions of numpy.random that draw from its global generator."""
        self.seeds = False
        """Whether that is seeded."""
        self._types = _generator_types()
        self._own: dict[str, bool] = {}  # by the names of modules
        self._seen: dict[int, Any] = {}  # kept, so that no id is used again
        self._waiting: deque[tuple[Any, _Place, int]] = deque()

    def words(self, place: _Place) -> str:
        """Where a generator is, and what it is."""
        return f"{place} ({self._kind(self.found[place])})"

    def add(self, value: Any, place: _Place, depth: int = 0) -> None:
        """Have an object looked at."""
        if type(value) not in _ATOMS and id(value) not in self._seen and depth <= _DEEPEST:
            self._seen[id(value)] = value
            self._waiting.append((value, place, depth))

    def run(self) -> None:
        """Look at all of them, up to a number that keeps this short."""
        while self._waiting and len(self._seen) < _MOST_OBJECTS:
            value, place, depth = self._waiting.popleft()
            try:
                self._look(value, place, depth)
            except Exception:  # a user's object may raise whatever it likes: then nothing is said of it
                continue

    def _look(self, value: Any, place: _Place, depth: int) -> None:
        kind = type(value)
        if self._kind(value):
            self.found[place] = value
        elif kind is FunctionType:
            self._look_at_function(value)
        elif kind in (MethodType, BuiltinMethodType):
            self._look_at_method(value, place)
        elif issubclass(kind, functools.partial):
            self.add(value.func, place)
            for key, item in [*enumerate(value.args), *value.keywords.items()]:
                self.add(item, _Place("argument {} of the partial", repr(key), False))
        elif issubclass(kind, type):
            self._look_at_class(value)
        elif issubclass(kind, (dict, list, tuple, set, frozenset)):
            for step, item in _items(value):
                self.add(item, place.within(step), depth + 1)
        elif kind is not ModuleType:
            for name, item in _attributes(value):
                self.add(item, place.within(f".{name}"), depth + 1)
            self.add(kind, place)

    def _kind(self, value: Any) -> str | None:
        kind = type(value)
        if issubclass(kind, getattr(sys.modules.get("random"), "SystemRandom", ())):  # it has no state
            return None
        return next((name for base, name in self._types if issubclass(kind, base)), None)

    def _look_at_method(self, method: Any, place: _Place) -> None:
        owner = method.__self__
        if not self._kind(owner):
            self.add(owner, place)
            self.add(getattr(method, "__func__", None), place)
        elif not place.anew or not _is_librarys(owner):  # as is that of ``from random import gauss``
            self.found[place if place.path != "self" else _Place("{}", method.__qualname__, False)] = owner

    def _look_at_class(self, cls: type) -> None:
        if not self._is_own(cls.__module__):
            return
        anew = _is_importable(cls)
        place = _Place("{}", f"{cls.__module__}.{cls.__qualname__}" if anew else cls.__qualname__, anew)
        for name, value in list(vars(cls).items()):
            if isinstance(value, (staticmethod, classmethod)):
                value = value.__func__
            elif isinstance(value, property):
                value = value.fget
            self.add(value, place.within(f".{name}"))
        for base in cls.__bases__:
            self.add(base, place)

    def _look_at_function(self, function: FunctionType) -> None:
        code, namespace = function.__code__, function.__globals__
        anew = _is_importable(function)
        closure = {}
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            for content in cell_contents(cell):
                closure[name] = content
                self.add(content, _Place("{!r} of the enclosing function", name, anew))
        for name, value in [*_defaults(function), *vars(function).items()]:
            self.add(value, _Place("{}", f"{function.__qualname__}'s {name!r}", anew))
        home = str(namespace.get("__name__"))
        if self._is_own(home):
            for load, root, attributes in _chains(code):
                if load == _OF_CLOSURES:
                    if type(closure.get(root)) is ModuleType:
                        self._follow(closure[root], attributes, _Place("{}", root, anew))
                elif root in namespace and _is_imported(home):
                    self._follow(namespace[root], attributes, _Place("{}", f"{home}.{root}", True))
                elif root in namespace:
                    self._follow(namespace[root], attributes, _Place("the global {!r}", root, False))

    def _follow(self, value: Any, attributes: tuple[str, ...], place: _Place) -> None:
        """Look at what an expression like ``helper.table.rng`` names."""
        module, name = None, ""
        for name in attributes:
            if type(value) is not ModuleType:
                break
            module = value
            value = vars(module).get(name, sys.modules.get(f"{module.__name__}.{name}"))
            place = _Place("{}", f"{module.__name__}.{name}", _is_imported(module.__name__))
        if module is None or self._is_own(module.__name__):
            self.add(value, place)
        elif module.__name__ == "numpy.random":
            if place.path.rpartition(".")[2] in _SEEDING:
                self.seeds = True
            elif self._kind(getattr(value, "__self__", None)):
                self.global_draws.add(place.path)

    def _is_own(self, module: str) -> bool:
        if module not in self._own:
            loaded = sys.modules.get(module)
            made_here = loaded is not None and not has_source(loaded)
            self._own[module] = made_here or bool(locate(module.partition(".")[0]))
        return self._own[module]


def _generator_types() -> list[tuple[type, str]]:
    numpy = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" not in sys.modules:
        getattr(numpy, "random", None)  # numpy may load it only when it is asked for
    found: list[tuple[type, str]] = []
    for module, names in _GENERATORS:
        for name in names:
            kind = getattr(sys.modules.get(module), name, None)
            if isinstance(kind, type):
                found.append((kind, f"{module}.{name}"))
    return found


def _is_librarys(generator: Any) -> bool:
    """Whether it is the one that a library's own functions draw from."""
    numpys = getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None)
    return generator is getattr(sys.modules.get("random"), "_inst", None) or generator is numpys


@functools.lru_cache(maxsize=4096)
def _chains(code: CodeType) -> frozenset[tuple[str, str, tuple[str, ...]]]:
    """Each name that code takes from outside, with the attributes that it takes of it: ``np.random.normal``.

    How it is loaded comes first.
    """
    found = set()
    for part in codes(code):
        chain: list[str] = []
        for step in dis.get_instructions(part):
            if step.opname in _LOADS or step.opname not in _ATTRIBUTES | _WITHOUT_EFFECT:
                if chain:
                    found.add((chain[0], chain[1], tuple(chain[2:])))
                chain = [step.opname, step.argval] if step.opname in _LOADS else []
            elif chain and step.opname in _ATTRIBUTES:
                chain.append(step.argval)
    return frozenset(found)


def _is_imported(module: str) -> bool:
    """Whether tasks import a module, rather than get what is needed of it."""
    loaded = sys.modules.get(module)
    return loaded is not None and has_source(loaded)


def _is_importable(definition: Any) -> bool:
    """Whether tasks import a function or class by its name."""
    if not _is_imported(definition.__module__):
        return False
    found: Any = sys.modules[definition.__module__]
    for name in definition.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is definition


def _defaults(function: FunctionType) -> Iterator[tuple[str, Any]]:
    code, values = function.__code__, function.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(values) : code.co_argcount], values)
    yield from (function.__kwdefaults__ or {}).items()


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if len(value) <= _MOST_ITEMS:
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield f"[{reprlib.repr(key)}]" if type(key) in _ATOMS else "[…]", item


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    held = getattr(value, "__dict__", None)
    if type(held) is dict:
        yield from list(held.items())
    for base in type(value).__mro__:
        for name, member in list(vars(base).items()):
            if type(member) is MemberDescriptorType:  # a slot
                with suppress(AttributeError):
                    yield name, getattr(value, name)
