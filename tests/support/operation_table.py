"""The table of operations in the docs, made from the tests' marks.

    python -m tests.support.operation_table    writes the page

An operation is faithful if tests that exercise it as a client does pass and none says that it is partial.
"""

from __future__ import annotations

import io
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from azurebatch_emulator.web import application
from azurebatch_emulator.web.operation import OPERATIONS, Operation

__all__ = ["PAGE", "Marks", "collect", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "emulator-operations.md"
_HEAD = """\
# Operations of the local Azure Batch service

Every operation of Azure Batch's data plane (api-version 2025-06-01), by the name that Microsoft's Python
client gives it. This page is made from the tests: each operation has some that exercise it through a real
client, and what is not as at Azure is said by one of them.

"""


class Marks:
    """What the tests' marks say of the operations."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = defaultdict(set)
        self.partial: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks of all tests; pytest calls this."""
        for item in session.items:
            for mark in item.iter_markers("operation"):
                for name in mark.args:
                    self.tests[name].add(item.nodeid)
            for mark in item.iter_markers("partial"):
                name, what = mark.args
                if what not in self.partial[name]:
                    self.partial[name].append(what)


def collect() -> Marks:
    """Collect the tests beside this file, without running any."""
    marks = Marks()
    # the service has imported a plugin of pytest already
    ignored = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    options = ["--collect-only", "-qq", "-p", "no:cacheprovider", *ignored]
    with redirect_stdout(io.StringIO()) as said:
        code = pytest.main([str(Path(__file__).parents[1] / "emulator"), *options], plugins=[marks])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"the tests cannot be collected: {said.getvalue()}")
    return marks


def page(marks: Marks) -> str:
    """The page.

    :raises ValueError: if an operation has no test, or a mark names no operation.
    """
    names = {operation.name for operation in OPERATIONS}
    if untested := sorted(names - marks.tests.keys()):
        raise ValueError(f"no test exercises {', '.join(untested)}")
    if unknown := sorted((marks.tests.keys() | marks.partial.keys()) - names):
        raise ValueError(f"marked, but no operation: {', '.join(unknown)}")
    rows = ["| Operation | Request | Answered |", "|---|---|---|"]
    rows += [_row(operation, marks) for operation in sorted(OPERATIONS, key=_place)]
    faithful = len(names) - len(marks.partial)
    summary = f"{len(names)} operations: {faithful} faithful, {len(marks.partial)} in part, none refused.\n\n"
    return _HEAD + summary + "\n".join(rows) + "\n"


def _row(operation: Operation, marks: Marks) -> str:
    missing = marks.partial.get(operation.name)
    how = f"in part: {'; '.join(missing)}" if missing else "faithfully"
    path = operation.path.replace(":path}", "}")
    return f"| `{operation.name}` | {operation.method} `{path}` | {how} |"


def _place(operation: Operation) -> tuple[str, str, str]:
    return operation.path.split("/")[1], operation.path, operation.method


assert application  # its import defines the operations

if __name__ == "__main__":
    try:
        PAGE.write_text(page(collect()))
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
