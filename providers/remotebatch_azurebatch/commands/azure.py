"""``remotebatch azure``: templates, pools, and what jobs have left behind."""

from __future__ import annotations

from typing import IO, Literal

import click

from remotebatch_azurebatch.commands.leftovers import leftovers
from remotebatch_azurebatch.commands.pools import pool


@click.group()
def azure() -> None:
    """Set up Azure Batch for jobs, and clean up after them."""


azure.add_command(pool)
azure.add_command(leftovers)


@azure.command()
@click.option(
    "--format",
    "language",
    type=click.Choice(["arm", "bicep"]),
    default="arm",
    show_default=True,
    help="JSON for Azure Resource Manager, or Bicep.",
)
@click.option("--output", type=click.File("w"), default="-", metavar="FILE", help="Write it to a file.")
def template(language: Literal["arm", "bicep"], output: IO[str]) -> None:
    """Write a template that makes accounts, identity and pool."""
    from remotebatch_azurebatch.pools import template

    output.write(template.template(language))
