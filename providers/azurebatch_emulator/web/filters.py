"""`$filter`: OData filters compiled to functions that are fast enough for a hundred thousand tasks."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.web.filterable import ALIASES, LISTS, Property

Filter = Callable[[Any], bool]

_DEEPEST = 100  # levels of `and`, `or` and `not` within each other; far below what Python can recurse


def compile_filter(text: str, kind: str) -> Filter:
    """A function that returns whether a resource passes the filter; lists of some kinds have none.

    A comparison with a property that the resource does not have is false, whatever the operator.

    :raises BatchServiceError: if the filter cannot be read, or asks for what Azure does not allow.
    """
    if kind not in LISTS:
        raise BatchServiceError("UnsupportedQueryParameter", QueryParameterName="$filter")
    try:
        return _compile(text.strip(), kind)
    except ODataException:
        reason = "The filter is not syntactically valid."
    except RecursionError:  # in the parser, by a path of thousands of names
        reason = "The filter is nested too deeply."
    except _Refused as refusal:
        reason = str(refusal)
    raise BatchServiceError(
        "InvalidQueryParameterValue", QueryParameterName="$filter", QueryParameterValue=text, Reason=reason
    )


@lru_cache(maxsize=256)  # clients poll with the same few filters
def _compile(text: str, kind: str) -> Filter:
    return _Compiler(LISTS[kind]).condition(ODataParser().parse(_tokens(text)))


class _Refused(Exception):
    """The error for a filter that is well formed but not allowed."""


# The lexer is made for OData 4, where a time has no quotes and no word such as `DateTime` before it. It also
# takes the "all" of "allocationState" for a word of its own. Both are mended among its tokens, which have no
# type that mypy knows.

_WORD = re.compile(r"\w*")
_TIME_WORDS = ("datetime", "datetimeoffset")


def _tokens(text: str) -> Iterator[Any]:
    waiting = None
    for token in ODataLexer().tokenize(text):
        if waiting is not None and not _joined(waiting, token, text):
            yield waiting
            waiting = None
        waiting = waiting or token
    if waiting is not None:
        yield waiting


def _joined(left: Any, right: Any, text: str) -> bool:
    """Make the left token one of both, if they are parts of one."""
    match = _WORD.match(text, left.index)
    assert match is not None
    if right.index < match.end():
        left.type, left.value = "ODATA_IDENTIFIER", ast.Identifier(match.group())
    elif right.index == match.end() and right.type == "STRING" and match.group().lower() in _TIME_WORDS:
        left.type, left.value = "DATETIME", ast.DateTime(right.value.val)
    else:
        return False
    return True


def _starts_with(value: str, prefix: str) -> bool:
    return value.startswith(prefix)


_COMPARISONS: Final[Mapping[type[ast._Comparator], tuple[str, Callable[[Any, Any], bool]]]] = {
    ast.Eq: ("eq", operator.eq),
    ast.NotEq: ("ne", operator.ne),
    ast.Lt: ("lt", operator.lt),
    ast.LtE: ("le", operator.le),
    ast.Gt: ("gt", operator.gt),
    ast.GtE: ("ge", operator.ge),
}
_MIRRORED: Final[Mapping[type[ast._Comparator], type[ast._Comparator]]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}


class _Compiler:
    """Turns a syntax tree into a function."""

    def __init__(self, properties: Mapping[str, Property]) -> None:
        self._properties = properties

    def condition(self, node: ast._Node, depth: int = 0) -> Filter:
        """The function of a node that is true or false."""
        if depth > _DEEPEST:
            raise _Refused("The filter is nested too deeply.")
        if isinstance(node, ast.BoolOp):
            tests = [self.condition(operand, depth + 1) for operand in _operands(node)]
            return _every(tests) if isinstance(node.op, ast.And) else _some(tests)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            test = self.condition(node.operand, depth + 1)
            return lambda item: not test(item)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Compare):
            return self._compare(node)
        raise _Refused("A condition must be a comparison or a call of startswith.")

    def _call(self, node: ast.Call) -> Filter:
        if (function := _full_name(node.func)) != "startswith":
            raise _Refused(f"The function '{function}' is not supported.")
        subject, prefix = node.args
        return self._test(subject, "startswith", _starts_with, prefix)

    def _compare(self, node: ast.Compare) -> Filter:
        comparator, left, right = type(node.comparator), node.left, node.right
        if isinstance(left, ast._Literal):
            comparator, left, right = _MIRRORED.get(comparator, comparator), right, left
        if comparator not in _COMPARISONS:
            raise _Refused("The operator 'in' is not supported.")
        name, compare = _COMPARISONS[comparator]
        if isinstance(left, ast.Call) and isinstance(right, ast.Boolean):
            test, wanted = self._call(left), right.py_val
            return lambda item: compare(test(item), wanted)
        return self._test(left, name, compare, right)

    def _test(
        self, subject: ast._Node, name: str, compare: Callable[[Any, Any], bool], literal: ast._Node
    ) -> Filter:
        path = _path(subject)
        known = self._properties.get(path)
        if known is None:
            raise _Refused(f"The property '{path}' cannot be filtered on.")
        if name not in known.operators:
            raise _Refused(f"The operator '{name}' is not supported for the property '{path}'.")
        get, key = _getter(path), known.kind.key
        if isinstance(literal, ast.Null) and name in ("eq", "ne"):
            absent = name == "eq"
            return lambda item: (get(item) is None) is absent
        wanted = _value(literal, path, known)

        def test(item: Any) -> bool:
            value = get(item)
            return value is not None and compare(key(value), wanted)

        return test


def _path(node: ast._Node) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_path(node.owner)}/{node.attr}"
    if isinstance(node, ast.Identifier):
        return _full_name(node)
    raise _Refused("One side of a comparison must be a property and the other a literal.")


def _full_name(node: ast.Identifier) -> str:
    return ".".join((*node.namespace, node.name))


def _value(node: ast._Node, path: str, known: Property) -> Any:
    """What the property's values are compared with."""
    if not isinstance(node, ast._Literal) or not isinstance(node, known.kind.literal):
        raise _Refused(f"The property '{path}' must be compared with {known.kind.name}.")
    try:
        value = known.kind.key(node.val if isinstance(node, ast.DateTime) else node.py_val)
    except ValueError as error:
        raise _Refused(f"'{path}' is compared with a value that is not {known.kind.name}.") from error
    if known.choices and value not in known.choices:
        raise _Refused(f"'{node.py_val}' is not a value of the property '{path}'.")
    return value


def _getter(path: str) -> Callable[[Any], Any]:
    """Gets a property by its path; None if anything on the way is absent."""
    first, *rest = (operator.attrgetter(_attribute(name)) for name in path.split("/"))
    if not rest:
        return first
    (second,) = rest  # no list of Azure's has a deeper path

    def get(item: Any) -> Any:
        inner = first(item)
        return None if inner is None else second(inner)

    return get


def _attribute(name: str) -> str:
    """The Python name of a property: nodeAgentSKUId is node_agent_sku_id."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", ALIASES.get(name, name)).lower()


def _operands(node: ast.BoolOp) -> list[ast._Node]:
    """What a chain of `and`, or of `or`, joins: the parser nests it to the left, however long it is."""
    found: list[ast._Node] = []
    waiting: list[ast._Node] = [node]
    while waiting:
        operand = waiting.pop()
        if isinstance(operand, ast.BoolOp) and operand.op == node.op:
            waiting += (operand.right, operand.left)
        else:
            found.append(operand)
    return found


def _every(tests: list[Filter]) -> Filter:
    def test_all(item: Any) -> bool:
        for test in tests:  # noqa: SIM110 - a generator takes longer than the tests
            if not test(item):
                return False
        return True

    return test_all


def _some(tests: list[Filter]) -> Filter:
    def test_any(item: Any) -> bool:
        for test in tests:  # noqa: SIM110
            if test(item):
                return True
        return False

    return test_any
