"""``remotebatch azure pool``: looking at pools, making, resizing and deleting them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

import click

from remotebatch.cli.show import json_option, write_facts, write_json
from remotebatch_azurebatch.commands.connecting import connection

if TYPE_CHECKING:
    from remotebatch_azurebatch.pools.pool import AzurePool

pool_argument = click.argument("pool_id", metavar="POOL_ID")
wait_option = click.option("--wait", is_flag=True, help="Return only when it is done.")


@click.group()
def pool() -> None:
    """Look at a pool, make, resize or delete it."""


@pool.command()
@pool_argument
@json_option
def show(pool_id: str, as_json: bool) -> None:
    """Show how a pool is set up and where it stands."""
    with _pool(pool_id) as found:
        status = found.show()
    if as_json:
        write_json(asdict(status))
    else:
        write_facts(status.facts())


@pool.command()
@pool_argument
@click.option("--nodes", type=click.IntRange(min=0), metavar="N", help="Dedicated nodes that it is to have.")
@click.option("--spot-nodes", type=click.IntRange(min=0), metavar="N", help="Spot nodes that it is to have.")
@wait_option
def resize(pool_id: str, nodes: int | None, spot_nodes: int | None, wait: bool) -> None:
    """Give a pool another number of nodes."""
    if nodes is None and spot_nodes is None:
        raise click.UsageError("say --nodes or --spot-nodes")
    with _pool(pool_id) as found:
        was_automatic = found.resize(nodes, spot_nodes, wait=wait)
    if was_automatic:
        print(f"Pool {pool_id} does not scale by itself any more")
    print(f"{'Resized' if wait else 'Resizing'} pool {pool_id}")


@pool.command()
@pool_argument
@click.option(
    "--vm-size", metavar="SIZE", help="Azure's name of the nodes' size.  [default: Standard_D4s_v5]"
)
@click.option(
    "--nodes",
    type=click.IntRange(min=0),
    metavar="N",
    help="A fixed number of nodes; without it the pool scales with its tasks, down to none.",
)
@click.option(
    "--max-nodes", type=click.IntRange(min=1), metavar="N", help="Nodes it never exceeds.  [default: 10]"
)
@click.option("--spot", is_flag=True, help="Spot nodes: cheaper, and may be taken away at any time.")
@click.option("--image", "images", multiple=True, help="An image to pull beforehand; repeatable.")
@click.option("--registry", "server", metavar="SERVER", help="The registry that asks who pulls them.")
@click.option("--user", metavar="USER", help="Who pulls: saved with 'remotebatch login registry'.")
@click.option(
    "--slots", type=click.IntRange(1, 256), help="Task slots of a node; by default one for each vCPU."
)
@click.option(
    "--node-fill",
    type=click.Choice(["pack", "spread"]),
    default="pack",
    show_default=True,
    help="Fill one node before the next, or spread tasks over all.",
)
def create(
    pool_id: str,
    vm_size: str | None,
    nodes: int | None,
    max_nodes: int | None,
    spot: bool,
    images: Sequence[str],
    server: str | None,
    user: str | None,
    slots: int | None,
    node_fill: Literal["pack", "spread"],
) -> None:
    """Make a Linux pool that runs containers."""
    from remotebatch_azurebatch.pools.pool import MAX_NODES, VM_SIZE
    from remotebatch_azurebatch.settings import Registry

    if nodes is not None and max_nodes is not None:
        raise click.UsageError("--nodes is for a fixed number, --max-nodes for a pool that scales: give one")
    if (server is None) != (user is None):
        raise click.UsageError("--registry and --user go together")
    with _pool(pool_id) as found:
        found.create(
            vm_size=vm_size or VM_SIZE,
            nodes=nodes,
            max_nodes=max_nodes or MAX_NODES,
            spot=spot,
            container_images=images,
            registry=Registry(server=server, user=user) if server else None,
            slots=slots,
            node_fill=node_fill,
        )
    print(f"Made pool {pool_id}")


@pool.command()
@pool_argument
@click.option("--yes", is_flag=True, help="Do not ask first.")
@wait_option
def delete(pool_id: str, yes: bool, wait: bool) -> None:
    """Delete a pool with all its nodes."""
    if not yes:
        click.confirm(f"Delete pool {pool_id} and end what runs on it?", abort=True)
    with _pool(pool_id) as found:
        found.delete(wait=wait)
    print(f"{'Deleted' if wait else 'Deleting'} pool {pool_id}")


@contextmanager
def _pool(pool_id: str) -> Iterator[AzurePool]:
    from remotebatch_azurebatch.accounts.clients import batch_client
    from remotebatch_azurebatch.pools.pool import AzurePool

    with batch_client(connection().batch) as client:
        yield AzurePool(client, pool_id)
