"""Pools whose size changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from azure.batch import BatchClient, models

from tests.support.batch import QUICKLY, new_job, new_pool, new_task, wait_for_task

__all__ = ["current", "occupy", "resize", "targets"]


def resize(client: BatchClient, pool_id: str, **options: Any) -> None:
    """Change the target size of a pool, and wait for it."""
    client.begin_resize_pool(pool_id, models.BatchPoolResizeOptions(**options), **QUICKLY).wait()


def targets(pool: models.BatchPool) -> tuple[int | None, int | None]:
    """How many dedicated and low-priority nodes a pool is to have."""
    return pool.target_dedicated_nodes, pool.target_low_priority_nodes


def current(pool: models.BatchPool) -> tuple[int | None, int | None]:
    """How many dedicated and low-priority nodes a pool has."""
    return pool.current_dedicated_nodes, pool.current_low_priority_nodes


def occupy(client: BatchClient, name: str, wait_in: Path, **task: Any) -> models.BatchTask:
    """Make a pool of one node with a task that runs until there is a file ``go``."""
    client.create_pool(new_pool(name, 1))
    client.create_job(new_job(name, name))
    script = f"echo $AZ_BATCH_NODE_ID; while [ ! -e {wait_in}/go ]; do sleep 0.05; done"
    client.create_task(name, new_task("task", script, **task))
    return wait_for_task(client, name, "task", "running")
