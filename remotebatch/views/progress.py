"""A live bar for an array job, in a terminal or a notebook."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from remotebatch.provider.records import Counts
from remotebatch.tracking.tracker import wait_until

if TYPE_CHECKING:
    from remotebatch.jobs.array import ArrayJob

_INTERVAL = 0.2


def show(job: ArrayJob) -> None:
    """Show the bar until the array has completed; where nobody watches, only how it ended."""
    if _in_notebook():
        _in_a_notebook(job)
    elif sys.stderr.isatty():
        _in_a_terminal(job)
    else:
        job.wait()
        print(f"{job.name}: {_words(job.counts)}", file=sys.stderr)


def _in_a_terminal(job: ArrayJob) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(job.name, total=len(job), words="")
        _follow(job, lambda counts: progress.update(bar, completed=counts.finished, words=_words(counts)))


def _in_a_notebook(job: ArrayJob) -> None:
    from IPython.display import HTML, display

    handle = display(HTML(_bar(job, job.counts)), display_id=True)
    _follow(job, lambda counts: handle.update(HTML(_bar(job, counts))))


def _follow(job: ArrayJob, show_counts: Callable[[Counts], Any]) -> None:
    while not wait_until([job._tracker], job._known_done, _INTERVAL):
        show_counts(job.counts)
    show_counts(job.counts)


def _words(counts: Counts) -> str:
    parts = {"running": counts.running, "succeeded": counts.succeeded, "failed": counts.failed}
    return ", ".join(f"{number} {word}" for word, number in parts.items() if number) or "waiting"


def _bar(job: ArrayJob, counts: Counts) -> str:
    def part(number: int, colour: str) -> str:
        return f'<div style="width:{100 * number / max(1, counts.total):.2f}%;background:{colour}"></div>'

    return (
        f"<div><b>{html.escape(job.name)}</b> {counts.finished}/{counts.total} {_words(counts)}"
        '<div style="display:flex;height:12px;max-width:480px;background:#8883;border-radius:6px;'
        f'overflow:hidden">{part(counts.succeeded, "#1a7f37")}{part(counts.failed, "#c62828")}'
        f"{part(counts.running, '#0b62b8')}</div></div>"
    )


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"
