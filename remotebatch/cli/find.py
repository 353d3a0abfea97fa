"""From what the user typed to a job, and to one of its tasks."""

from __future__ import annotations

import uuid
from typing import Any

import click

from remotebatch.cli.target import Target
from remotebatch.errors import JobNotFound
from remotebatch.jobs.array import ArrayJob
from remotebatch.jobs.task import SingleJob, TaskJob
from remotebatch.provider import JobListing

_MOST_CANDIDATES = 5

id_argument = click.argument("job_id", metavar="ID")
child_option = click.option(
    "--child", type=click.IntRange(min=0), metavar="N", help="A child of an array, from 0."
)


def find_job(target: Target, given: str) -> SingleJob[Any] | ArrayJob[Any]:
    """The job of an id or of an unambiguous beginning of one.

    :raises JobNotFound: naming the candidates, if there is none or more than one.
    """
    wanted = given.strip().lower()
    if not wanted:
        raise JobNotFound("the id is empty")  # an unset shell variable must not stand for the only job
    if not _is_whole(wanted):
        wanted = _complete(wanted, target.provider.jobs())
    return target.environment.job(wanted)


def find_task(target: Target, given: str, child: int | None) -> TaskJob[Any]:
    """The task of a single job, or the child of an array."""
    job = find_job(target, given)
    if isinstance(job, SingleJob):
        refuse_child(job, child)
        return job
    if child is None:
        raise click.UsageError(
            f"{job.name!r} is an array of {len(job)} children: choose one with --child, from 0"
        )
    return child_of(job, child)


def child_of(array: ArrayJob[Any], index: int) -> TaskJob[Any]:
    """A child of an array, refusing an index that none has."""
    if index >= len(array):
        raise click.UsageError(f"--child {index}: {array.name!r} has children 0 to {len(array) - 1}")
    return array[index]


def refuse_child(job: SingleJob[Any], child: int | None) -> None:
    """Refuse the ``--child`` option for a job that has none."""
    if child is not None:
        raise click.UsageError(f"--child {child}: {job.name!r} is a single job, without children")


def _is_whole(given: str) -> bool:
    try:
        return str(uuid.UUID(given)) == given
    except ValueError:
        return False


def _complete(prefix: str, listings: list[JobListing]) -> str:
    matches = [listing for listing in listings if listing.record.id.startswith(prefix)]
    if len(matches) == 1:
        return matches[0].record.id
    if matches:
        raise JobNotFound(f"{len(matches)} jobs begin with {prefix!r}: {_candidates(matches)}")
    if listings:
        raise JobNotFound(f"no job begins with {prefix!r}; the newest are: {_candidates(listings)}")
    raise JobNotFound(f"no job begins with {prefix!r}: there are none at all")


def _candidates(listings: list[JobListing]) -> str:
    named = [f"{listing.record.id} ({listing.record.name})" for listing in listings[:_MOST_CANDIDATES]]
    more = len(listings) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
