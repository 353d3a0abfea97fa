"""A live bar for an array job, in a terminal or a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from remotebatch.status import Counts
from remotebatch.views.html import bar
from remotebatch.views.terminal import in_notebook, in_terminal
from remotebatch.views.text import progress_words

_INTERVAL = 0.2

Wait = Callable[[float | None], bool]
"""Waits at most so many seconds, without limit for None; returns whether the array has completed."""


def show(name: str, total: int, wait: Wait, counts: Callable[[], Counts]) -> None:
    """Show the bar until the array has completed; without a terminal or notebook, only how it ended."""
    if in_notebook():
        _in_a_notebook(name, wait, counts)
    elif in_terminal(sys.stderr):
        _in_a_terminal(name, total, wait, counts)
    else:
        wait(None)
        print(f"{name}: {progress_words(counts())}", file=sys.stderr)


def _in_a_terminal(name: str, total: int, wait: Wait, counts: Callable[[], Counts]) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        row = progress.add_task(name, total=total, words="")

        def update(found: Counts) -> None:
            progress.update(row, completed=found.finished, words=progress_words(found))

        _follow(wait, counts, update)


def _in_a_notebook(name: str, wait: Wait, counts: Callable[[], Counts]) -> None:
    from IPython.display import HTML, display

    handle = display(HTML(bar(name, counts())), display_id=True)
    _follow(wait, counts, lambda found: handle.update(HTML(bar(name, found))))


def _follow(wait: Wait, counts: Callable[[], Counts], update: Callable[[Counts], Any]) -> None:
    while not wait(_INTERVAL):
        update(counts())
    update(counts())
