"""Progress of a build or a push, on standard error: standard output is for the outcome."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from remotebatch.views.terminal import in_terminal
from remotebatch_images.progress import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_ENDS = frozenset({"Pull complete", "Pushed", "Layer already exists", "Already exists"})


def watcher() -> AbstractContextManager[Watcher]:
    """Bars in a terminal, plain lines elsewhere."""
    return _Bars() if in_terminal(sys.stderr) else nullcontext(_Lines())


def say(text: str) -> None:
    """Write a line."""
    print(text, file=sys.stderr)


class _Lines:
    """Plain lines, for a log: of a layer only what it came to."""

    def line(self, text: str) -> None:
        say(text)

    def transfer(self, layer: str, doing: str, done: int | None, total: int | None) -> None:
        if doing in _ENDS:
            say(f"{layer}: {doing}")


class _Bars:
    """Lines, and under them a bar for each layer that moves."""

    def __init__(self) -> None:
        self._layers: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._progress: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def line(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)

    def transfer(self, layer: str, doing: str, done: int | None, total: int | None) -> None:
        if doing in _ENDS:
            if layer in self._layers:
                self._progress.remove_task(self._layers.pop(layer))
            self.line(f"{layer}: {doing}")
        elif done is not None and total is not None:
            if layer not in self._layers:
                self._layers[layer] = self._progress.add_task("")
            description = f"{layer}: {doing}"
            self._progress.update(self._layers[layer], description=description, completed=done, total=total)
