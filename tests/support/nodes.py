"""The pool of two nodes that the tests of a file share; each test leaves it as it was."""

from __future__ import annotations

from azure.batch import BatchClient, models

from tests.support.batch import new_job, new_pool, shell, wait_for_nodes

__all__ = ["POOL", "create_nodes"]


POOL = "nodes"
"""Its id, and that of its job."""


def create_nodes(client: BatchClient) -> list[str]:
    """Create the pool and its job; returns the ids of the nodes."""
    client.create_pool(
        new_pool(
            POOL,
            2,
            start_task=models.BatchStartTask(command_line=shell("date +%s%N > started; date >> starts")),
        )
    )
    client.create_job(new_job(POOL, POOL))
    return [node.id for node in wait_for_nodes(client, POOL, 2)]
