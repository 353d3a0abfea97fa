"""Figures, and the table of them."""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

_PLAIN_WIDTH = 200


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table."""

    topic: str
    what: str
    unit: str = ""
    value: float | None = None
    spread: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""
    """What to know of it, or why there is no value."""
    samples: Sequence[float] = ()

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or no value."""
        if self.value is None or (self.at_least is None and self.at_most is None):
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_least is not None and self.at_least == self.at_most:
            return f"{number(self.at_least)} {self.unit}".rstrip()
        if self.at_least is not None:
            return f"at least {number(self.at_least)} {self.unit}".rstrip()
        return f"at most {number(self.at_most)} {self.unit}".rstrip() if self.at_most is not None else ""


def of_samples(
    samples: Sequence[float],
    *,
    topic: str,
    what: str,
    unit: str,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Figure:
    """The median of some samples, with the least and the most of them."""
    return Figure(
        topic=topic,
        what=what,
        unit=unit,
        value=statistics.median(samples),
        spread=f"{number(min(samples))} – {number(max(samples))}",
        at_least=at_least,
        at_most=at_most,
        note=note,
        samples=samples,
    )


def number(value: float) -> str:
    """Three significant digits, and no exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _verdict(figure: Figure) -> str:
    if figure.met is None:
        return "not measured" if figure.target else ""
    return "[green]met[/green]" if figure.met else "[bold red]not met[/bold red]"


def show(figures: Sequence[Figure], title: str) -> None:
    """Print the table: with lines and colours in a terminal, plain columns elsewhere."""
    console = Console()
    plain = not console.is_terminal
    table = Table(
        title=title,
        title_justify="left",
        box=None if plain else box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for heading in ("measurement", "figure", "", "min – max", "target", "", "note"):
        table.add_column(heading, justify="right" if heading == "figure" else "left")
    topic = ""
    for figure in figures:
        if figure.topic != topic:
            if topic:
                table.add_row()
            topic = figure.topic
            table.add_row(f"[bold]{topic}[/bold]")
        table.add_row(
            f"  {figure.what}",
            "–" if figure.value is None else number(figure.value),
            figure.unit,
            figure.spread,
            figure.target,
            _verdict(figure),
            figure.note,
        )
    if not plain:
        console.print(table)
        return
    text = io.StringIO()
    Console(file=text, width=_PLAIN_WIDTH).print(table)
    print("\n".join(line.rstrip() for line in text.getvalue().splitlines()))
