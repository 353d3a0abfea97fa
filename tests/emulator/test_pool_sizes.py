"""How pools come to their size: resizes and removed nodes, and what becomes of the tasks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from azure.batch import BatchClient, models

from azurebatch_emulator import Emulator, Timings
from tests.support.batch import (
    QUICKLY,
    code_of,
    connect,
    new_job,
    new_pool,
    new_task,
    wait_for,
    wait_for_nodes,
    wait_for_steady,
    wait_for_task,
)
from tests.support.definite import definite, execution_of, node_id_of
from tests.support.emulator import MakeEmulator
from tests.support.pool_sizes import current, occupy, resize, targets


@pytest.fixture(scope="module")
def endless(make_emulator: MakeEmulator) -> Iterator[BatchClient]:
    """A client of an emulator where a resize never ends."""
    with connect(make_emulator(timings=Timings(resize=3600))) as client:
        yield client


def allocated(pool: models.BatchPool) -> datetime:
    """When its allocation state has changed."""
    return definite(pool.allocation_state_transition_time)


# -- resize ---------------------------------------------------------------------------------


@pytest.mark.operation("resize_pool", "get_pool", "list_nodes")
def test_pool_grows_and_shrinks_by_kind_of_node(client: BatchClient) -> None:
    client.create_pool(new_pool("sizes", 1))
    first = wait_for_nodes(client, "sizes")[0]
    before = client.get_pool("sizes")
    resize(client, "sizes", target_dedicated_nodes=2, target_low_priority_nodes=2)
    nodes = wait_for_nodes(client, "sizes", 4)
    pool = client.get_pool("sizes")
    assert (targets(pool), current(pool), pool.allocation_state) == ((2, 2), (2, 2), "steady")
    assert sorted((node.is_dedicated, node.id[-2:]) for node in nodes) == [
        (False, "_p"),
        (False, "_p"),
        (True, "_d"),
        (True, "_d"),
    ]
    assert first.id in [node.id for node in nodes]
    assert len({node.ip_address for node in nodes}) == 4
    assert pool.etag != before.etag
    assert allocated(pool) > allocated(before)
    resize(client, "sizes", target_dedicated_nodes=0)
    assert current(client.get_pool("sizes")) == (0, 2)  # what is not given stays
    resize(client, "sizes", target_low_priority_nodes=0)
    assert list(client.list_nodes("sizes")) == []


@pytest.mark.operation("resize_pool", "list_nodes")
def test_pool_takes_fifty_nodes(client: BatchClient) -> None:
    client.create_pool(new_pool("large", 0))
    wait_for_steady(client, "large")
    resize(client, "large", target_dedicated_nodes=50)
    wait_for_nodes(client, "large", 50)
    client.create_job(new_job("large", "large"))
    client.create_task_collection(
        "large", models.BatchTaskGroup(task_values=[new_task(f"t{number}") for number in range(60)])
    )
    counts = wait_for(
        lambda: client.get_job_task_counts("large").task_counts, lambda counts: counts.completed == 60
    )
    assert counts.succeeded == 60
    assert sum(node.total_tasks_run for node in client.list_nodes("large")) == 60
    client.begin_delete_pool("large", **QUICKLY).wait()


@pytest.mark.operation("resize_pool", "get_pool")
def test_size_is_aimed_at_from_the_beginning_of_a_resize(endless: BatchClient) -> None:
    endless.create_pool(new_pool("aiming", 3, target_low_priority_nodes=1))
    pool = endless.get_pool("aiming")
    assert (pool.allocation_state, targets(pool), current(pool)) == ("resizing", (3, 1), (0, 0))
    assert list(endless.list_nodes("aiming")) == []


@pytest.mark.operation("resize_pool", "remove_nodes", "enable_pool_auto_scale")
def test_pool_that_is_being_resized_cannot_be_resized(endless: BatchClient) -> None:
    endless.create_pool(new_pool("busy", 0))
    formula = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=1")
    for action in (
        lambda: endless.begin_resize_pool("busy", models.BatchPoolResizeOptions(target_dedicated_nodes=1)),
        lambda: endless.begin_remove_nodes("busy", models.BatchNodeRemoveOptions(node_ids=["a"])),
        lambda: endless.enable_pool_auto_scale("busy", formula),
    ):
        assert code_of(action) == "PoolBeingResized"


@pytest.mark.operation("resize_pool")
def test_resize_without_a_target_or_with_too_little_time_is_refused(client: BatchClient) -> None:
    client.create_pool(new_pool("refusing", 0))
    wait_for_steady(client, "refusing")
    nothing, hasty = (
        models.BatchPoolResizeOptions(),
        models.BatchPoolResizeOptions(target_dedicated_nodes=1, resize_timeout=timedelta(minutes=4)),
    )
    assert code_of(lambda: client.begin_resize_pool("refusing", nothing)) == "MissingRequiredProperty"
    assert code_of(lambda: client.begin_resize_pool("refusing", hasty)) == "InvalidPropertyValue"


@pytest.mark.operation("resize_pool", "get_pool")
def test_pool_shows_the_timeout_of_its_last_resize(client: BatchClient) -> None:
    client.create_pool(new_pool("timed", 0, resize_timeout=timedelta(minutes=7)))
    assert wait_for_steady(client, "timed").resize_timeout == timedelta(minutes=7)
    resize(client, "timed", target_dedicated_nodes=0, resize_timeout=timedelta(minutes=20))
    assert client.get_pool("timed").resize_timeout == timedelta(minutes=20)
    resize(client, "timed", target_dedicated_nodes=0)
    assert client.get_pool("timed").resize_timeout == timedelta(minutes=15)


# -- stop -----------------------------------------------------------------------------------


@pytest.mark.operation("stop_pool_resize", "disable_pool_auto_scale", "get_pool")
def test_stopped_resize_keeps_the_size_and_says_what_is_missing(azurite: str) -> None:
    with (
        Emulator(storage_connection_string=azurite, timings=Timings(resize=1.5)) as emulator,
        connect(emulator) as client,
    ):
        client.create_pool(new_pool("stopped", 2, target_low_priority_nodes=1))
        client.create_pool(
            new_pool(
                "scaled",
                target_dedicated_nodes=None,
                enable_auto_scale=True,
                auto_scale_formula="$TargetDedicatedNodes=2",
            )
        )
        resizing = client.get_pool("stopped")
        client.begin_stop_pool_resize("stopped")
        client.disable_pool_auto_scale("scaled")
        for name in ("stopped", "scaled"):
            assert client.get_pool(name).allocation_state == "stopping"
        assert client.get_pool("stopped").etag == resizing.etag
        assert client.get_pool("stopped").resize_errors is None
        stopped, scaled = wait_for_steady(client, "stopped"), wait_for_steady(client, "scaled")
        assert (targets(stopped), current(stopped)) == ((2, 1), (0, 0))
        assert [(error.code, error.message) for error in definite(stopped.resize_errors)] == [
            (
                "ResizeStopped",
                f"Desired number of {kind} nodes could not be allocated due to a stop resize operation",
            )
            for kind in ("dedicated", "low priority")
        ]
        assert (targets(scaled), current(scaled), scaled.enable_auto_scale) == ((2, 0), (0, 0), False)
        client.begin_resize_pool("stopped", models.BatchPoolResizeOptions(target_dedicated_nodes=0))
        assert client.get_pool("stopped").resize_errors is None
        assert code_of(lambda: client.begin_stop_pool_resize("scaled")) == "OperationInvalidForCurrentState"


@pytest.mark.operation("stop_pool_resize", "remove_nodes", "list_nodes")
def test_node_that_waits_for_its_tasks_stays_if_its_leaving_is_stopped(
    client: BatchClient, tmp_path: Path
) -> None:
    task = occupy(client, "hesitant", tmp_path)
    remove(client, "hesitant", [node_id_of(task)], "taskcompletion")
    wait_for_nodes(client, "hesitant", state="leavingpool")
    client.begin_stop_pool_resize("hesitant")
    pool = wait_for_steady(client, "hesitant")
    assert (targets(pool), current(pool)) == ((0, 0), (1, 0))
    wait_for_nodes(client, "hesitant", state="running")
    (tmp_path / "go").touch()
    wait_for_task(client, "hesitant", "task")
    wait_for_nodes(client, "hesitant", state="idle")


# -- nodes removed --------------------------------------------------------------------------


def remove(client: BatchClient, pool_id: str, node_ids: list[str], option: str) -> None:
    client.begin_remove_nodes(
        pool_id, models.BatchNodeRemoveOptions(node_ids=node_ids, node_deallocation_option=option)
    )


@pytest.mark.operation("remove_nodes", "get_pool")
def test_removed_node_goes_and_the_pool_aims_lower(client: BatchClient) -> None:
    client.create_pool(new_pool("removing", 3, target_low_priority_nodes=1))
    nodes = wait_for_nodes(client, "removing", 4)
    gone = [nodes[0].id, nodes[-1].id]
    client.begin_remove_nodes("removing", models.BatchNodeRemoveOptions(node_ids=gone), **QUICKLY).wait()
    left = [node.id for node in client.list_nodes("removing")]
    assert sorted(left + gone) == [node.id for node in nodes]
    pool = client.get_pool("removing")
    assert targets(pool) == current(pool)
    assert sum(map(definite, current(pool))) == 2
    assert code_of(lambda: client.get_node("removing", gone[0])) == "NodeNotFound"


@pytest.mark.operation("remove_nodes")
def test_nodes_that_cannot_be_removed_are_refused(client: BatchClient) -> None:
    client.create_pool(new_pool("keeping", 1))
    node = wait_for_nodes(client, "keeping")[0]
    for node_ids, code in (
        ([node.id, "missing"], "NodeNotFound"),
        ([], "InvalidPropertyValue"),
        (["n"] * 101, "InvalidPropertyValue"),
    ):
        assert code_of(partial(remove, client, "keeping", node_ids, "requeue")) == code
    assert current(client.get_pool("keeping")) == (1, 0)


@pytest.mark.operation("remove_nodes", "resize_pool")
def test_requeued_task_of_a_removed_node_runs_again_elsewhere(client: BatchClient, tmp_path: Path) -> None:
    before = occupy(client, "requeue", tmp_path)
    remove(client, "requeue", [node_id_of(before)], "requeue")
    waiting = wait_for_task(client, "requeue", "task", "active")
    assert (waiting.node_info, execution_of(waiting).requeue_count) == (None, 1)
    assert execution_of(waiting).last_requeue_time is not None
    assert execution_of(waiting).start_time is None
    wait_for_steady(client, "requeue")
    resize(client, "requeue", target_dedicated_nodes=1)
    again = wait_for_task(client, "requeue", "task", "running")
    assert node_id_of(again) != node_id_of(before)
    (tmp_path / "go").touch()
    ended = wait_for_task(client, "requeue", "task")
    assert execution_of(ended).requeue_count == 1
    assert execution_of(ended).retry_count == 0
    output = b"".join(client.download_task_file("requeue", "task", "stdout.txt"))
    assert output.decode().split() == [node_id_of(again)]


@pytest.mark.operation("remove_nodes")
def test_terminated_task_of_a_removed_node_ends(client: BatchClient, tmp_path: Path) -> None:
    task = occupy(client, "terminate", tmp_path)
    remove(client, "terminate", [node_id_of(task)], "terminate")
    ended = execution_of(wait_for_task(client, "terminate", "task"))
    assert (ended.result, definite(ended.failure_info).code, ended.requeue_count) == (
        "failure",
        "TaskEnded",
        0,
    )
    wait_for_steady(client, "terminate")
    assert list(client.list_nodes("terminate")) == []


@pytest.mark.operation("remove_nodes", "list_nodes")
def test_removed_node_waits_for_its_task_if_asked_and_takes_no_other(
    client: BatchClient, tmp_path: Path
) -> None:
    task = occupy(client, "completion", tmp_path)
    remove(client, "completion", [node_id_of(task)], "taskcompletion")
    leaving = wait_for_nodes(client, "completion", state="leavingpool")[0]
    assert leaving.running_tasks_count == 1
    client.create_task("completion", new_task("late"))
    (tmp_path / "go").touch()
    wait_for_steady(client, "completion")
    assert list(client.list_nodes("completion")) == []
    assert execution_of(client.get_task("completion", "task")).result == "success"
    assert client.get_task("completion", "late").state == "active"


@pytest.mark.operation("remove_nodes", "list_nodes")
def test_removed_node_keeps_what_tasks_left_for_their_retention_time_if_asked(
    client: BatchClient, tmp_path: Path
) -> None:
    kept = models.BatchTaskConstraints(retention_time=timedelta(seconds=1))
    task = occupy(client, "retention", tmp_path, constraints=kept)
    remove(client, "retention", [node_id_of(task)], "retaineddata")
    (tmp_path / "go").touch()
    ended = wait_for_task(client, "retention", "task")
    steady = wait_for_steady(client, "retention")
    assert allocated(steady) >= definite(execution_of(ended).end_time) + timedelta(seconds=1)
    assert list(client.list_nodes("retention")) == []


@pytest.mark.operation("delete_pool", "create_pool")
def test_tasks_of_a_deleted_pool_wait_for_another_one_of_its_name(
    client: BatchClient, tmp_path: Path
) -> None:
    occupy(client, "reborn", tmp_path)
    client.begin_delete_pool("reborn", **QUICKLY).wait()
    assert execution_of(wait_for_task(client, "reborn", "task", "active")).requeue_count == 1
    client.create_pool(new_pool("reborn", 1))
    wait_for_task(client, "reborn", "task", "running")
    (tmp_path / "go").touch()
    wait_for_task(client, "reborn", "task")


@pytest.mark.operation("create_pool")
def test_tasks_wait_for_their_pool_and_for_its_first_node(client: BatchClient) -> None:
    client.create_job(new_job("early", "early"))
    client.create_task("early", new_task("task"))
    client.create_pool(new_pool("early", 0))
    wait_for_steady(client, "early")
    assert client.get_task("early", "task").state == "active"
    resize(client, "early", target_dedicated_nodes=1)
    assert execution_of(wait_for_task(client, "early", "task")).result == "success"
