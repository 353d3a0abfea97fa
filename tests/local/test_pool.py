"""This machine as a pool."""

from __future__ import annotations

import time

from remotebatch import JobStatus, SubmissionEnvironment


def test_an_idle_pool(env: SubmissionEnvironment) -> None:
    assert env.pool.id == "local"
    status = env.pool.show()
    assert (status.id, status.state, status.nodes) == ("local", "active", {"idle": 1})
    assert (status.slots, status.free_slots, status.slots_per_node) == (2, 2, 2)
    assert "2, 2 free (2 a node)" in str(status)


def test_a_busy_pool(env: SubmissionEnvironment) -> None:
    job = env.submit(time.sleep, 60)
    while job.status is not JobStatus.RUNNING:
        time.sleep(0.01)
    status = env.pool.show()
    assert (status.free_slots, status.nodes) == (1, {"running": 1})
    job.abort().wait(30)
    assert env.pool.show().free_slots == 2
