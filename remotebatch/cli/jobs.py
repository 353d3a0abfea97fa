"""List jobs, look at one, and act on it."""

from __future__ import annotations

from typing import Any

import click

from remotebatch.cli.describe import (
    failed_children,
    listing_json,
    listing_row,
    properties_facts,
    properties_json,
    with_counts,
)
from remotebatch.cli.find import find_job, id_argument
from remotebatch.cli.show import json_option, write_facts, write_json, write_table
from remotebatch.cli.target import Target, pass_target
from remotebatch.jobs.array import ArrayJob
from remotebatch.jobs.task import SingleJob
from remotebatch.status import JobType
from remotebatch.views.terminal import in_terminal

_SHORT_ID = 8
_MOST_FAILED_CHILDREN = 20


@click.command()
@click.option(
    "--type",
    "wanted",
    type=click.Choice([JobType.SINGLE.value, JobType.ARRAY.value], case_sensitive=False),
    help="Only jobs of this type.",
)
@json_option
@pass_target
def jobs(target: Target, wanted: str | None, as_json: bool) -> None:
    """List all jobs, newest first."""
    provider = target.provider
    chosen = [listing for listing in provider.jobs() if wanted in (None, listing.record.type.value)]
    counted = with_counts(provider, chosen)
    if as_json:
        write_json([listing_json(record, counts) for record, counts in counted])
        return
    id_length = _SHORT_ID if in_terminal() else None
    rows = [listing_row(record, counts, id_length) for record, counts in counted]
    write_table(["id", "name", "type", "status", "submitted"], rows)


@click.command()
@id_argument
@json_option
@pass_target
def status(target: Target, job_id: str, as_json: bool) -> None:
    """Show where a job stands."""
    properties = find_job(target, job_id).properties()
    if as_json:
        write_json(properties_json(properties))
        return
    write_facts(properties_facts(properties, target.provider))
    if properties["type"] is JobType.ARRAY:
        _write_failed_children(failed_children(properties))


@click.command()
@id_argument
@json_option
@pass_target
def abort(target: Target, job_id: str, as_json: bool) -> None:
    """End a job with every process it started."""
    _report("Aborting", find_job(target, job_id).abort(), as_json)


@click.command()
@id_argument
@json_option
@pass_target
def retry(target: Target, job_id: str, as_json: bool) -> None:
    """Run what has failed of a job again."""
    _report("Retrying what failed of", find_job(target, job_id).retry(), as_json)


@click.command()
@id_argument
@json_option
@pass_target
def delete(target: Target, job_id: str, as_json: bool) -> None:
    """End a job if need be and remove all that is stored of it."""
    job = find_job(target, job_id)
    job.delete()
    if as_json:
        write_json({"id": job.id, "name": job.name, "deleted": True})
    else:
        print(f"Deleted {job.name} ({job.id})")


def _report(doing: str, job: SingleJob[Any] | ArrayJob[Any], as_json: bool) -> None:
    if as_json:
        write_json({"id": job.id, "name": job.name, "status": job.status})
    else:
        print(f"{doing} {job.name} ({job.id})")


def _write_failed_children(failed: list[tuple[str, str, str]]) -> None:
    if not failed:
        return
    print()
    write_table(["failed child", "exit code", "reason"], failed[:_MOST_FAILED_CHILDREN])
    if len(failed) > _MOST_FAILED_CHILDREN:
        print(f"and {len(failed) - _MOST_FAILED_CHILDREN} more")
