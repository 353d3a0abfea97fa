"""From the text of a formula to the syntax trees of its statements."""

from __future__ import annotations

from functools import cache, lru_cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from azurebatch_emulator.protocol.errors import BatchServiceError

_LONGEST = 8192  # characters
_MOST_STATEMENTS = 100


@lru_cache(maxsize=64)  # pools evaluate the same formula again and again
def parse(formula: str) -> tuple[Tree[Token], ...]:
    """The statements of a formula.

    :raises BatchServiceError: if it is none, or is too long.
    """
    if len(formula) > _LONGEST:
        raise BatchServiceError("AutoScalingFormulaTooLong")
    try:
        tree = _parser().parse(formula)
    except UnexpectedToken as error:
        raise _refusal(error.token) from None
    except UnexpectedCharacters as error:
        raise _refusal(Token("", error.char, line=error.line, column=error.column)) from None
    statements = tuple(statement for statement in tree.children if isinstance(statement, Tree))
    if not statements:
        raise BatchServiceError("InvalidAutoScalingSettings", Reason="The formula has no statement.")
    if len(statements) > _MOST_STATEMENTS:
        raise BatchServiceError("AutoScalingFormulaTooLong")
    return statements


@cache
def _parser() -> Lark:
    """The parser; its grammar is a file, which an import must not read."""
    return Lark.open("formula.lark", rel_to=__file__, parser="lalr")


def _refusal(token: Token) -> BatchServiceError:
    if token.type == "$END":  # it stands where the last token begins
        what, line, column = "end of formula", token.end_line, token.end_column
    else:
        what, line, column = f"'{token}'", token.line, token.column
    return BatchServiceError(
        "AutoScalingFormulaSyntaxError", Message=f"Line {line}, Col {column}: Unexpected {what}"
    )
