"""How samples come into automatic scaling formulas, and whole formulas."""

from __future__ import annotations

import pytest

from azurebatch_emulator.autoscale.evaluation import DEALLOCATION, DEDICATED, LOW_PRIORITY
from azurebatch_emulator.autoscale.failures import InsufficientSampleData
from azurebatch_emulator.autoscale.samples import PERIOD, Sample, Samples
from azurebatch_emulator.autoscale.values import shown
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption
from tests.support.formulas import BEFORE, error, history, value, variables

# -- samples --------------------------------------------------------------------------------------


def test_the_last_samples_come_oldest_first() -> None:
    assert value("$ActiveTasks.GetSample(1)", history(1, 2, 3)) == (3,)
    assert value("$ActiveTasks.GetSample(2)", history(1, 2, 3)) == (2, 3)
    assert value("$ActiveTasks.GetSample(9)", history(1, 2, 3)) == (1, 2, 3)


def test_samples_of_a_span_of_time() -> None:
    samples = history(1, 2, 3, 4, 5)
    assert value("$ActiveTasks.GetSample(TimeInterval_Minute * 0.9)", samples) == (4, 5)
    assert value("$ActiveTasks.GetSample(TimeInterval_Minute * 0.9, TimeInterval_Minute * 1.6)", samples) == (
        2,
        3,
    )
    assert value("$ActiveTasks.GetSample(TimeInterval_Minute * 1.6, TimeInterval_Minute * 0.9)", samples) == (
        2,
        3,
    )
    assert value('$ActiveTasks.GetSample(time("2026-11-22T08:12:00Z"))', samples) == (4, 5)
    assert value('$ActiveTasks.GetSample(time("2026"), time("2026-11-22T08:12:00Z"))', samples) == (1, 2, 3)


def test_how_many_percent_of_the_samples_there_are() -> None:
    quarter = "$ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15)"
    assert shown(value(quarter, history(*range(29)))) == "96.6667"  # so recorded from the service
    assert value(quarter, history(*range(40))) == 100
    assert value("$ActiveTasks.GetSamplePercent(TimeInterval_Second * 15)", history(1)) == 100
    assert (
        value("$ActiveTasks.GetSamplePercent(TimeInterval_Minute * 10, TimeInterval_Minute * 5)", history(1))
        == 0
    )


def test_too_few_samples_are_an_error_of_their_own() -> None:
    assert value("$ActiveTasks.GetSample(TimeInterval_Minute, 50)", history(7)) == (7,)
    assert value("$ActiveTasks.GetSample(TimeInterval_Minute, TimeInterval_Zero, 50)", history(7)) == (7,)
    with pytest.raises(InsufficientSampleData) as caught:
        variables("\nsamplevecavg = avg($PendingTasks.GetSample(TimeInterval_Minute, 70));", history(7))
    # the column is the one that the service shows: that of the parenthesis
    expected = "Line 2, Col 43: Insufficient data from data set: $PendingTasks wanted 70%, received 50%"
    assert str(caught.value) == expected


def test_what_else_a_metric_tells() -> None:
    samples = history(1, 2, 3)
    assert value("$ActiveTasks.Count()", samples) == 3
    assert shown(value("$ActiveTasks.GetSamplePeriod()", samples)) == "PT30S"
    assert shown(value("$ActiveTasks.HistoryBeginTime()", samples)) == "2026-11-22T08:11:30.500Z"


def test_counts_of_nodes_are_also_numbers() -> None:
    samples = history(0, dedicated_nodes=3, low_priority_nodes=2, preempted_nodes=1, task_slots_per_node=4)
    assert value("$CurrentDedicatedNodes + $CurrentLowPriorityNodes", samples) == 5
    assert value("$CurrentDedicatedNodes.GetSample(1)", samples) == (3,)
    assert value("$PreemptedNodeCount * 10 + $TaskSlotsPerNode", samples) == 14


def test_one_sample_counts_for_30_seconds() -> None:
    samples, start = Samples(), 1000 * PERIOD
    for second in range(60):
        samples.add(Sample(start + second, active_tasks=second))
    assert [sample.active_tasks for sample in samples.latest(9)] == [29, 59]
    samples.add(Sample(start + 1, active_tasks=99))  # the clock has been set back
    assert [sample.active_tasks for sample in samples.latest(9)] == [99]


# -- whole formulas -------------------------------------------------------------------------------


def test_a_pool_that_follows_its_pending_tasks() -> None:
    formula = """
        first = 1;
        most = 25;
        percent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
        wanted = percent < 70 ? first : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
        $TargetDedicatedNodes = min(most, wanted);
        $NodeDeallocationOption = taskcompletion;
    """
    assert variables(formula, history(9, 9))[DEDICATED] == 1
    after = variables(formula, history(*[6] * 10, running_tasks=2))
    assert after[DEDICATED] == 8
    assert after[DEALLOCATION] is NodeDeallocationOption.TASK_COMPLETION
    assert variables(formula, history(*[60] * 10))[DEDICATED] == 25


def test_a_pool_that_replaces_preempted_nodes() -> None:
    formula = """
        most = 25;
        $TargetDedicatedNodes = min(most, $PreemptedNodeCount.GetSample(180 * TimeInterval_Second));
        $TargetLowPriorityNodes = min(most, most - $TargetDedicatedNodes);
    """
    after = variables(formula, history(0, 0, preempted_nodes=3))
    assert (after[DEDICATED], after[LOW_PRIORITY]) == (3, 22)


@pytest.mark.parametrize(("shift", "expected"), [(0, 10), (1, 20), (1.5, 10)])
def test_a_pool_that_is_larger_at_working_hours(shift: float, expected: int) -> None:
    formula = f"""
        $now = time() + {shift} * TimeInterval_Day;
        $workHours = $now.hour >= 8 && $now.hour < 18;
        $isWeekday = $now.weekday >= 1 && $now.weekday <= 5;
        $TargetDedicatedNodes = ($workHours && $isWeekday) ? 20:10;
    """
    assert variables(formula)[DEDICATED] == expected


def test_a_pool_that_fills_the_slots_of_its_nodes() -> None:
    formula = """
        // the last sample, unless there are enough for an average
        $samples = $ActiveTasks.GetSamplePercent(TimeInterval_Minute * 15);
        $last = $ActiveTasks.GetSample(1);
        $tasks = $samples < 70 ? max(0, $last)
                               : max($last, avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
        $slots = $TargetDedicatedNodes * $TaskSlotsPerNode;
        $extra = (($tasks - $slots) + $TaskSlotsPerNode - 1) / $TaskSlotsPerNode;
        $TargetDedicatedNodes = max(0, min($TargetDedicatedNodes + $extra, 30))
    """
    after = variables(formula, history(3, 50, task_slots_per_node=4))
    assert (after["$tasks"], after[DEDICATED]) == (50, 13.25)


def test_a_pool_with_a_size_to_start_with() -> None:
    formula = """
        $TargetDedicatedNodes = 4;
        lifespan = time() - time("Sun, 22 Nov 2026 {}:00:00 GMT");
        span = TimeInterval_Minute * 60;
        startup = TimeInterval_Minute * 10;
        ratio = 50;
        $TargetDedicatedNodes = (lifespan > startup ? (max($RunningTasks.GetSample(span, ratio),
            $ActiveTasks.GetSample(span, ratio)) == 0 ? 0 : $TargetDedicatedNodes) : 4);
    """
    assert variables(formula.format("09"))[DEDICATED] == 4
    assert variables(formula.format("08"), history(*[0] * 80))[DEDICATED] == 0
    assert variables(formula.format("08"), history(*[1] * 80))[DEDICATED] == 4
    assert "wanted 50%, received 0.8" in error(formula.format("08"), history(1))


def test_stop_keeps_what_was_assigned_before() -> None:
    assert variables("$TargetDedicatedNodes = 5; stop(); $TargetDedicatedNodes = 9;")[DEDICATED] == 5
    assert variables("$TargetDedicatedNodes = 5; x = 1 ? stop() : 2;").keys() == BEFORE.keys()


def test_the_full_name_of_a_target_goes_before_its_alias() -> None:
    assert variables("$TargetDedicated = $TargetDedicatedNodes + 1;")[DEDICATED] == 3
    assert variables("$TargetDedicated = 7; $TargetDedicated = $TargetDedicated + 1;")[DEDICATED] == 8
    assert variables("$TargetDedicated = 7; $TargetDedicatedNodes = 5;")[DEDICATED] == 5
    assert variables("$TargetDedicatedNodes = 5; $TargetDedicated = 7;")[DEDICATED] == 5
    assert variables("$TargetLowPriority = 7;")[LOW_PRIORITY] == 7
