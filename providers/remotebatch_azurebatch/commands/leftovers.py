"""``remotebatch azure leftovers``: what jobs have left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from remotebatch.cli.show import json_option, write_json, write_table
from remotebatch_azurebatch.commands.connecting import connection

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.storage.blob import BlobServiceClient

    from remotebatch_azurebatch.maintenance.leftovers import Leftover


@click.command()
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    default=7,
    show_default=True,
    metavar="DAYS",
    help="Only what is at least so old.",
)
@click.option("--remove", "to_remove", is_flag=True, help="Remove all of it, results too.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@json_option
def leftovers(days: float, to_remove: bool, yes: bool, as_json: bool) -> None:
    """List what jobs have left at Azure: idle and ended jobs, containers, objects."""
    from remotebatch_azurebatch.maintenance.leftovers import find_leftovers, remove

    with _clients() as (batch, blobs):
        found = find_leftovers(batch, blobs, timedelta(days=days))
        if not as_json:
            _write(found)
        if to_remove and found:
            if not yes:
                click.confirm(f"Remove these {len(found)} for good, with all results in them?", abort=True)
            removed = remove(found, batch, blobs)
        else:
            removed = []
    if as_json:
        write_json([{**_plain(leftover), "removed": leftover in removed} for leftover in found])
    elif to_remove and found:
        print(f"Removed {len(removed)} of {len(found)}")


def _write(found: Sequence[Leftover]) -> None:
    if not found:
        print("Nothing is left over")
        return
    rows = [
        [leftover.kind.value, leftover.name, f"{leftover.age.days} d", _bytes(leftover.size), leftover.why]
        for leftover in found
    ]
    write_table(["what", "name", "age", "size", "why"], rows)
    print(f"\n{len(found)} in all, {_bytes(sum(leftover.size for leftover in found))}")


def _plain(leftover: Leftover) -> dict[str, object]:
    return {
        "kind": leftover.kind,
        "name": leftover.name,
        "age_seconds": leftover.age.total_seconds(),
        "bytes": leftover.size,
        "why": leftover.why,
        "jobs": leftover.jobs,
        "container": leftover.container,
    }


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


@contextmanager
def _clients() -> Iterator[tuple[BatchClient, BlobServiceClient]]:
    from remotebatch_azurebatch.accounts.clients import batch_client, blob_client

    accounts = connection()
    with batch_client(accounts.batch) as batch, blob_client(accounts.storage) as blobs:
        yield batch, blobs
