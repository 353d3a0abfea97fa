"""What the source of a module says, found quickly and without running it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_NAME = rb"[A-Za-z_\x80-\xff][\w.\x80-\xff]*"
_IMPORTS = re.compile(
    rb"(?:^|;|:)[ \t]*(?:from[ \t]+(" + _NAME + rb")[ \t]+import\b|import[ \t]+([^\n;#]+))", re.MULTILINE
)
_DYNAMIC = re.compile(rb"(?:import_module|__import__|importorskip)\(\s*['\"](" + _NAME + rb")")
_CONSTANT = re.compile(
    # bounded, because it goes back from each end that it tries: a generated line may have megabytes
    rb"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=[ \t]*"
    rb"([^=\s#\[{\\][^\n\\]{0,200}?)[ \t]{0,50}(?:#[^\n'\"]{0,200})?\r?$",
    re.MULTILINE,
)
_LITERAL = re.compile(rb"[-+(\d.'\"]|[rbuf]{1,2}['\"]|(?:True|False|None)$", re.IGNORECASE)
_UNCLEAR = frozenset({"exec", "eval", "globals", "locals", "vars", "__dict__", "setattr", "modules"})
"""What a module may rebind its own names with, unseen."""
_IMMUTABLE = (int, float, complex, str, bytes, type(None))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LONGEST = 200
"""Bytes of the text of a constant that is looked at."""


def imports_in(source: bytes) -> set[str]:
    """Top-level names of what the import statements in a source file name."""
    source = source.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    names: set[bytes] = set()
    for from_, plain in _IMPORTS.findall(source):
        names.update([from_] if from_ else (part.split()[0] for part in plain.split(b",") if part.split()))
    names.update(_DYNAMIC.findall(source))
    first = {name.partition(b".")[0].decode(errors="replace") for name in names}
    return {name for name in first if name.isidentifier()}


def constants_in(source: bytes) -> dict[str, Any]:
    """Values of the names that lines such as ``N = 3`` bind: immutable literals only.

    A name may be bound elsewhere too: see :func:`bound_literal`.
    """
    found: dict[str, Any] = {}
    for name, text in _CONSTANT.findall(source):
        if len(text) <= _LONGEST and _LITERAL.match(text):
            try:
                value = ast.literal_eval(text.decode())
            except (ValueError, SyntaxError, MemoryError, RecursionError):  # no literal after all
                continue
            if _is_immutable(value):
                found[name.decode()] = value
    return found


@lru_cache(maxsize=256)
def bound_literal(source: bytes, name: str) -> list[Any]:
    """The literal that a module binds a name of its own to, if that is all that it does with the name.

    It may have setters, see :func:`setters_in`.

    :returns: the one value, or an empty list.
    """
    tree = _tree(source)
    if tree is None:
        return []
    bound = [node for statement in tree.body for node in _bindings(statement, name)]
    plain = [value for statement in tree.body for value in _bound_at_top(statement, name)]
    if len(plain) != 1 or len(bound) != 1 or any(map(_is_unclear, ast.walk(tree))):
        return []
    try:
        return [ast.literal_eval(plain[0])]
    except ValueError:
        return []


@lru_cache(maxsize=256)
def setters_in(source: bytes, name: str) -> frozenset[str]:
    """Functions of a module that set a global name to what they are called with: ``set_backend("fast")``."""
    tree = _tree(source)
    return frozenset(
        statement.name
        for statement in (tree.body if tree else ())
        if isinstance(statement, ast.FunctionDef) and _is_setter(statement, name)
    )


@lru_cache(maxsize=256)
def names_used(source: bytes) -> frozenset[str]:
    """Names and attributes that a module uses anywhere, other than as a program of its own."""
    tree = _tree(source)
    waiting: list[ast.AST] = [tree] if tree else []
    found = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        if not (isinstance(node, ast.If) and "__name__" in _names(node.test)):
            waiting += ast.iter_child_nodes(node)
    return frozenset(found)


def attributes_set(source: bytes) -> set[str]:
    """Names of the attributes that a module sets when it is imported, of whatever object."""
    tree = _tree(source)
    return (
        set()
        if tree is None
        else {
            node.attr
            for node in _at_import(tree)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
        }
    )


def _tree(source: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which the user has seen when the module was imported
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError):
            return None


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, _FUNCTIONS):
            yield node
            yield from _at_import(node)


def _bindings(node: ast.AST, name: str) -> Iterator[ast.AST]:
    """Where a statement binds or unbinds a name of its module, or a function declares it global."""
    if isinstance(node, ast.Name):
        bound = node.id == name and not isinstance(node.ctx, ast.Load)
    elif isinstance(node, ast.alias):
        bound = (node.asname or node.name.partition(".")[0]) == name or node.name == "*"
    else:  # a definition, an exception that is caught, a pattern that is matched
        bound = getattr(node, "name", None) == name
    if bound:
        yield node
    if isinstance(node, ast.FunctionDef) and _is_setter(node, name):
        return
    for inner in ast.iter_child_nodes(node):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):  # a scope of its own
            yield from (
                part for part in ast.walk(inner) if isinstance(part, ast.Global) and name in part.names
            )
        else:
            yield from _bindings(inner, name)


def _is_setter(function: ast.FunctionDef, name: str) -> bool:
    """Whether a function sets a global name to what it is called with, whatever that was before."""
    parameters = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    nodes = list(ast.walk(function))
    if not any(isinstance(node, ast.Global) and name in node.names for node in nodes):
        return False
    values = [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign) and any(name in _names(target) for target in node.targets)
    ]
    conditions = [
        node if isinstance(node, ast.BoolOp) else node.test
        for node in nodes
        if isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert, ast.BoolOp))
    ]
    stored = [
        node
        for node in nodes
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
    ]
    return (
        len(stored) == len(values) > 0
        and any(parameters & _names(value) for value in values)
        and not any(name in _names(condition) for condition in conditions)
    )


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _bound_at_top(statement: ast.stmt, name: str) -> Iterator[ast.expr]:
    """What a plain assignment binds a name to."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return
    if len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == name and statement.value:
        yield statement.value


def _is_unclear(node: ast.AST) -> bool:
    used = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
    return used in _UNCLEAR


def _is_immutable(value: object) -> bool:
    return (
        type(value) in _IMMUTABLE
        or type(value) is bool
        or (type(value) is tuple and all(map(_is_immutable, value)))
    )
