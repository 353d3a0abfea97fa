"""The kernel's pickler, noting what of the user's own code a pickle needs."""

from __future__ import annotations

import dis
import importlib.util
import inspect
import linecache
import tokenize
from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import IO, Any

from remotebatch_kernel import pickling
from remotebatch_kernel.pickling import codes, global_names

_IMPORTERS = frozenset({"import_module", "__import__"})


class Needs:
    """What some pickles need of the user's own code."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        """Names of modules that they import."""
        self.main = False
        """Whether definitions of ``__main__`` are among what they hold."""
        self.source_lines: dict[str, dict[int, str]] = {}
        """File name → line number → text, of all code that travels: for tracebacks."""
        self.preload: set[str] = set()
        """Installed modules that are imported only when a function of theirs is called."""
        self._seen: set[CodeType] = set()

    def module(self, name: Any) -> None:
        """Note that a module is imported; what is no name is none."""
        if name == "__main__":
            self.main = True
        elif name and isinstance(name, str):
            self.modules.add(name)

    def function(self, function: FunctionType) -> None:
        """Note what a function imports that neither its code nor its module names."""
        if "rng" in function.__code__.co_names and importlib.util.find_spec("numpy"):
            self.preload.add("numpy.random")  # for remotebatch.task.rng

    def code(self, function: FunctionType) -> None:
        """Note what a function that travels by value needs: its source lines, and what its body imports."""
        code = function.__code__
        if code in self._seen:
            return
        self._seen.add(code)
        package = function.__globals__.get("__package__") or ""
        self.modules.update(imports_in(code, package))
        lines = linecache.getlines(code.co_filename, function.__globals__)
        numbers = {number for part in codes(code) for _, _, number in part.co_lines() if number is not None}
        numbers.update(_block(lines, code.co_firstlineno))
        kept = self.source_lines.setdefault(code.co_filename, {})
        kept.update((number, lines[number - 1]) for number in numbers if 0 < number <= len(lines))


class Pickler(pickling.Pickler):
    """Pickles for a task."""

    def __init__(self, file: IO[bytes], needs: Needs | None = None) -> None:
        super().__init__(file)
        self.needs = Needs() if needs is None else needs

    def reducer_override(self, obj: Any) -> Any:
        """Decide how an object is pickled."""
        reduced = super().reducer_override(obj)
        if isinstance(obj, ModuleType):
            self.needs.module(obj.__name__)
        elif isinstance(obj, (type, FunctionType, BuiltinFunctionType)):
            home = getattr(obj, "__module__", None)
            if reduced is NotImplemented or isinstance(reduced, str) or home == "__main__":
                self.needs.module(home)  # it is looked up there
            if isinstance(obj, FunctionType):
                self.needs.function(obj)
        else:
            self.needs.module(self.stand_ins.get(id(obj)))
            module = _attribute(obj, "__module__")  # of what is pickled as a global's name
            qualname = _attribute(obj, "__qualname__") or type(obj).__qualname__
            if module == "__main__" or "<" not in qualname:
                self.needs.module(module)
        return reduced

    def code_travels(self, function: FunctionType, imported: bool) -> None:
        """Note that a function's code travels by value."""
        self.needs.code(function)
        if imported:
            self.needs.module(function.__globals__["__name__"])


def _block(lines: list[str], first: int) -> Iterable[int]:
    """Numbers of the lines of a definition, and of the comment before it."""
    try:
        last = first + len(inspect.getblock(lines[first - 1 :]))
    except (SyntaxError, IndexError, tokenize.TokenError):  # no lines; or a lambda in the midst of something
        last = first
    while 1 < first <= len(lines) and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    return range(first, last)


def _attribute(obj: Any, name: str) -> str | None:
    try:
        value = getattr(obj, name, None)
    except Exception:  # raised by an object that makes its attributes as it likes
        return None
    return value if isinstance(value, str) else None


def imports_in(code: CodeType, package: str) -> Iterator[str]:
    """Absolute names of the modules that import statements in code may load."""
    for part in codes(code):
        instructions = [step for step in dis.get_instructions(part) if step.opname != "EXTENDED_ARG"]
        for position, step in enumerate(instructions):
            if step.opname == "IMPORT_NAME":
                level = instructions[position - 2].argval  # IMPORT_NAME takes level and names off the stack
                base = _absolute(step.argval, level, package)
                yield base
                yield from (
                    f"{base}.{name}" for name in instructions[position - 1].argval or () if name != "*"
                )
        if _IMPORTERS & {*part.co_names, *global_names(part)}:
            yield from (constant for constant in part.co_consts if _is_name(constant))


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) + 1 - level], name]).rstrip(".")


def _is_name(constant: object) -> bool:
    return isinstance(constant, str) and all(part.isidentifier() for part in constant.split("."))
