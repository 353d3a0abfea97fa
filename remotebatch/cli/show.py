"""How the commands write: tables and colours in a terminal, plain text into a pipe, JSON on demand."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click
import msgspec

from remotebatch.views.colours import STATUS_COLOURS, colour_of
from remotebatch.views.terminal import in_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON.")

_COLUMN_GAP = "  "


def write_json(value: Any, indent: int | None = 2) -> None:
    """Write one JSON document: times as ISO 8601, enumerations by their values."""
    print(json.dumps(value, indent=indent, default=_plain))


def write_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write rows under headings."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if in_terminal():
        _write_rich_table(headings, cells)
    else:
        _write_columns([[heading.upper() for heading in headings], *cells])


def write_facts(facts: Mapping[str, str | None]) -> None:
    """Write labels and values, leaving out what has no value."""
    rows = [[label, one_line(value)] for label, value in facts.items() if value]
    if in_terminal():
        _write_rich_facts(rows)
    else:
        _write_columns(rows)


def moment(seconds: float | None) -> datetime | None:
    """A time since the epoch as a date."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def moment_text(when: datetime | None) -> str | None:
    """A date as the tables show it."""
    return None if when is None else f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str) -> str:
    """Text without line ends and control characters, which would break a table or the terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split(" ")).strip()


def _plain(value: Any) -> Any:
    """What JSON does not know, in terms that it does."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    if isinstance(value, range):
        return list(value)
    return str(value)


def _write_columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print(_COLUMN_GAP.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _write_rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(_styled, row))
    _console().print(table)


def _write_rich_facts(rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, len(_COLUMN_GAP)))
    for label, value in rows:
        grid.add_row(Text(label, style="bold"), _styled(value))
    _console().print(grid)


def _styled(cell: str) -> Text:
    from rich.text import Text

    style = colour_of(cell).terminal if cell in STATUS_COLOURS else ""
    return Text(cell, style=style)  # a Text, as a name may look like rich's markup


def _console() -> Console:
    from rich.console import Console  # slow to load, and not needed for a pipe

    return Console(highlight=False)
