"""List the installed providers."""

from __future__ import annotations

import click

from remotebatch.cli.show import json_option, write_json, write_table
from remotebatch.provider import plugins


@click.command()
@json_option
def providers(as_json: bool) -> None:
    """List the providers that are installed."""
    points = plugins.points(plugins.PROVIDERS)
    found = [
        {
            "name": point.name,
            "module": point.module,
            "package": point.dist.name if point.dist else "",
            "version": point.dist.version if point.dist else "",
        }
        for point in points
    ]
    if as_json:
        write_json(found)
    else:
        write_table(["name", "module", "package", "version"], [list(each.values()) for each in found])
