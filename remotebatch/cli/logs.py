"""Show what a task writes."""

from __future__ import annotations

import sys
from typing import Any

import click

from remotebatch.cli.find import child_option, find_task, id_argument
from remotebatch.cli.show import json_option, write_json
from remotebatch.cli.target import Target, pass_target
from remotebatch.jobs.task import TaskJob
from remotebatch.provider import Stream


@click.command()
@id_argument
@click.option("--follow", "-f", is_flag=True, help="Go on until the job has ended.")
@click.option("--stderr", is_flag=True, help="Standard error, in place of standard output.")
@child_option
@json_option
@pass_target
def logs(target: Target, job_id: str, follow: bool, stderr: bool, child: int | None, as_json: bool) -> None:
    """Show what a job has written so far.

    With --follow, JSON is a string to each line.
    """
    task = find_task(target, job_id, child)
    stream: Stream = "stderr" if stderr else "stdout"
    if follow:
        _follow(task, stream, as_json)
    elif as_json:
        text = task.error_log() if stderr else task.log()
        write_json({"id": task.id, "stream": stream, "text": text})
    else:
        sys.stdout.buffer.write(task.error_log(raw=True) if stderr else task.log(raw=True))


def _follow(task: TaskJob[Any], stream: Stream, as_json: bool) -> None:
    for line in task.follow(stream):
        if as_json:
            write_json(line, indent=None)
        else:
            print(line)
        sys.stdout.flush()
