"""Sources that no one wrote by hand are read as fast as others: the test takes minutes otherwise."""

from __future__ import annotations

import pytest

from remotebatch.packing.sources import constants_in, imports_in

_LONG = 1_000_000


@pytest.mark.parametrize(
    "line",
    [
        "DATA = x" + " " * _LONG + "x",
        "DATA = 'x" + "#" * _LONG + "'",
        "DATA = '" + " #" * _LONG + "'",
        "A" * _LONG + ":" * _LONG,
        "import " * _LONG,
        "x = [" + "1, " * _LONG + "]",
    ],
    ids=["spaces", "hashes", "comments", "colons", "imports", "a list"],
)
def test_lines_of_megabytes(line: str) -> None:
    source = f"import first\nN = 3  # of them\n{line}\nimport last\nM = 'x'\n".encode()
    assert constants_in(source) == {"N": 3, "M": "x"}
    assert {"first", "last"} <= imports_in(source)
