"""The scheduler by itself: never over capacity, never idle beside what fits, in order, all or nothing."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from remotebatch_execution.scheduler import Demand, Fill, Scheduler

JOBS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(0, 1), st.sampled_from([-1.0, 0.0, 0.5, 1.0])), max_size=12
)


@given(JOBS, st.randoms(use_true_random=False))
def test_never_over_capacity_never_idle_beside_what_fits_and_in_order(
    jobs: list[tuple[int, int, float]], random: Random
) -> None:
    scheduler = Scheduler[int, str]()
    scheduler.add_node("a", Demand(4, 1))
    waiting = {}
    for order, (slots, gpus, priority) in enumerate(jobs):
        waiting[order] = (Demand(slots, gpus), -priority)
        scheduler.wait(order, Demand(slots, gpus), priority, order)
    running: list[Demand] = []
    while waiting or running:
        while (key := scheduler.next()) is not None:
            demand, rank = waiting[key]
            fitting = [(r, k) for k, (d, r) in waiting.items() if d.fits(scheduler.free("a"))]
            assert (rank, key) == min(fitting)
            scheduler.take(scheduler.place(demand), demand)
            scheduler.done_waiting(key)
            del waiting[key]
            running.append(demand)
            assert sum(d.slots for d in running) <= 4
            assert sum(d.gpus for d in running) <= 1
        assert not any(demand.fits(scheduler.free("a")) for demand, _ in waiting.values())
        scheduler.give_back(["a"], running.pop(random.randrange(len(running))))
    assert scheduler.free("a") == scheduler.capacity("a")


def cluster(fill: Fill = Fill.PACK) -> Scheduler[str, str]:
    scheduler = Scheduler[str, str](fill)
    for node in ("a", "b", "c"):
        scheduler.add_node(node, Demand(2))
    return scheduler


def test_a_task_gets_all_of_its_nodes_or_none() -> None:
    scheduler = cluster()
    one, three = Demand(1), Demand(2, nodes=3)
    [node] = scheduler.place(one)
    scheduler.take([node], one)
    scheduler.wait("wide", three, priority=1, order=0)
    scheduler.wait("narrow", one, priority=0, order=1)
    assert scheduler.next() == "narrow"  # what does not fit delays no other
    assert scheduler.next(ignoring_room=True) == "wide"
    scheduler.give_back([node], one)
    assert scheduler.next() == "wide"
    nodes = scheduler.place(three)
    assert sorted(nodes) == ["a", "b", "c"]
    scheduler.take(nodes, three)
    assert [scheduler.free(node).slots for node in nodes] == [0, 0, 0]
    assert scheduler.next() is None
    scheduler.give_back(nodes, three)
    assert [scheduler.free(node).slots for node in nodes] == [2, 2, 2]


def test_nodes_that_are_closed_or_barred_take_nothing() -> None:
    scheduler = cluster()
    scheduler.close("a")
    scheduler.wait("job", Demand(1, nodes=2, barred=frozenset({"b"})), priority=0, order=0)
    assert scheduler.next() is None
    scheduler.open("a")
    assert scheduler.next() == "job"
    assert sorted(scheduler.place(Demand(1, nodes=2, barred=frozenset({"b"})))) == ["a", "c"]


def test_packing_and_spreading() -> None:
    one = Demand(1)
    placed = {}
    for fill in Fill:
        scheduler = cluster(fill)
        placed[fill] = [node for _ in range(2) for node in take(scheduler, one)]
    assert len(set(placed[Fill.PACK])) == 1
    assert len(set(placed[Fill.SPREAD])) == 2


def take(scheduler: Scheduler[str, str], demand: Demand) -> list[str]:
    nodes = scheduler.place(demand)
    scheduler.take(nodes, demand)
    return nodes


def test_a_node_that_has_gone_takes_nothing_back() -> None:
    scheduler = cluster()
    scheduler.take(["a"], Demand(1))
    scheduler.remove_node("a")
    scheduler.give_back(["a"], Demand(1))
    assert not scheduler.knows("a")
    assert not scheduler.is_open("a")
