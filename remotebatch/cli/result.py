"""Show what a job returned, or how it failed."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import click

from remotebatch.cli.find import child_of, child_option, find_job, id_argument, refuse_child
from remotebatch.cli.show import json_option, write_json
from remotebatch.cli.target import Target, pass_target
from remotebatch.jobs.array import ArrayJob
from remotebatch.jobs.task import SingleJob, TaskJob
from remotebatch.status import FailureType


@click.command()
@id_argument
@child_option
@json_option
@pass_target
@click.pass_context
def result(ctx: click.Context, target: Target, job_id: str, child: int | None, as_json: bool) -> None:
    """Wait for a job and show its value; of a command, its output and exit code."""
    job = find_job(target, job_id)
    tasks, many = _chosen(job, child)
    if job._tracker.record.function is None:
        ctx.exit(_show_commands(tasks, many, as_json))
    if isinstance(job, ArrayJob) and child is None:  # the results are read together
        ctx.exit(_show_values(job._in_order(timeout=None), many, as_json))
    ctx.exit(_show_values(tasks, many, as_json))


def _chosen(job: SingleJob[Any] | ArrayJob[Any], child: int | None) -> tuple[Sequence[TaskJob[Any]], bool]:
    """The tasks asked for, and whether their values are shown as a list."""
    if isinstance(job, SingleJob):
        refuse_child(job, child)
        return [job], False
    if child is None:
        return list(job), True
    chosen = child_of(job, child)
    return [chosen], job._tracker.record.chunksize > 1


# -- functions ------------------------------------------------------------------------------


def _show_values(tasks: Iterable[TaskJob[Any]], many: bool, as_json: bool) -> int:
    values: list[Any] = []
    for task in tasks:
        if (error := task.exception()) is not None:
            _show_failure(task, error)
            return 1
        values += task.outcomes()
    if as_json:
        found = [_json_value(value) for value in values]
        write_json(found if many else found[0])
    else:
        for value in values:
            print(value if isinstance(value, str) else repr(value))
    return 0


def _show_failure(task: TaskJob[Any], error: BaseException) -> None:
    if task.failure_type is FailureType.USER_EXCEPTION:
        sys.stderr.write("".join(traceback.format_exception(error)))
    else:
        print(f"Error: {error}", file=sys.stderr)


def _json_value(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {"repr": repr(value)}
    return value


# -- commands -------------------------------------------------------------------------------


def _show_commands(tasks: Sequence[TaskJob[Any]], many: bool, as_json: bool) -> int:
    for task in tasks:
        task.wait()
    if as_json:
        found = [_json_command(task) for task in tasks]
        write_json(found if many else found[0])
    else:
        for task in tasks:
            _copy_streams(task)
    return next(filter(None, map(_exit_code, tasks)), 0)


def _json_command(task: TaskJob[Any]) -> dict[str, Any]:
    return {
        "exit_code": task.exit_code,
        "failure_type": task.failure_type,
        "status_reason": task.status_reason,
        "stdout": task.log(),
        "stderr": task.error_log(),
    }


def _copy_streams(task: TaskJob[Any]) -> None:
    sys.stdout.buffer.write(task.log(raw=True))
    sys.stdout.buffer.flush()
    sys.stderr.buffer.write(task.error_log(raw=True))
    sys.stderr.buffer.flush()
    if task.failure_type not in (None, FailureType.NON_ZERO_EXIT):  # the exit code does not say it all
        print(f"Error: {task.failure_type}: {task.status_reason}", file=sys.stderr)


def _exit_code(task: TaskJob[Any]) -> int:
    """The command's own; 1 where it failed without one."""
    return task.exit_code or (1 if task.failure_type else 0)
