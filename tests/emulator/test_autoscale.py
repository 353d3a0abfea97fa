"""The language of automatic scaling formulas, and how samples come into it."""

from __future__ import annotations

import math
import statistics
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azurebatch_emulator import autoscale
from azurebatch_emulator.autoscale.evaluation import DEALLOCATION, DEDICATED, LOW_PRIORITY, Evaluation
from azurebatch_emulator.autoscale.failures import EvaluationError, InsufficientSampleData
from azurebatch_emulator.autoscale.samples import PERIOD, Sample, Samples
from azurebatch_emulator.autoscale.syntax import parse
from azurebatch_emulator.autoscale.values import Value, shown
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.pools import NodeDeallocationOption

NOW = datetime(2026, 11, 22, 8, 12, 30, 500_000, tzinfo=timezone.utc)  # a Sunday
BEFORE: dict[str, Value] = {
    DEDICATED: 2.0,
    LOW_PRIORITY: 0.0,
    DEALLOCATION: NodeDeallocationOption.REQUEUE,
}


def history(*active_tasks: int, **other: int) -> Samples:
    """One sample every 30 seconds, the last one at NOW."""
    samples = Samples()
    for age, count in zip(range(len(active_tasks) - 1, -1, -1), active_tasks):
        samples.add(Sample(NOW.timestamp() - age * PERIOD, count, **other))
    return samples


def variables(formula: str, samples: Samples | None = None) -> dict[str, Value]:
    """All variables after a formula."""
    evaluation = Evaluation(BEFORE, samples or history(0), NOW)
    evaluation.run(parse(formula))
    return evaluation.variables


def value(expression: str, samples: Samples | None = None) -> Value:
    return variables(f"x = {expression};", samples)["x"]


def error(formula: str, samples: Samples | None = None) -> str:
    with pytest.raises(EvaluationError) as caught:
        variables(formula, samples)
    return str(caught.value)


# -- the language ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("16 / 4 / 2", 2),
        ("-2 * -3", 6),
        ("--2", 2),
        ("!0 + 1", 2),
        ("!3", 0),
        ("1 + 1 < 3", 1),
        ("1 < 2 == 1", 1),
        ("1 == 1 && 0 == 1", 0),
        ("1 || 0 && 0", 1),
        ("2 && 3", 1),
        ("0 ? 1 : 1 ? 2 : 3", 2),
        ("1 ? 0 ? 1 : 2 : 3", 2),
        ("0 || 0 ? 1 : 2", 2),
        ("1.5e1 + .5", 15.5),
        ("600.0", 600),
        ('"a" < "b"', 1),
        ('"a" != "a"', 0),
    ],
)
def test_operators_bind_as_in_c(expression: str, expected: float) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    "expression", ["1 ? 5 : 1 / 0", "0 ? 1 / 0 : 5", "5 * !(0 && 1 / 0)", "5 * (1 || 1 / 0)"]
)
def test_only_what_decides_is_evaluated(expression: str) -> None:
    assert value(expression) == 5


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("vec(1, 2) + 1", "[2,3]"),
        ("vec(1, 2) / 2", "[0.5,1]"),
        ("vec(1, 2) * vec(3, vec(4))", "[3,8]"),
        ("2 * TimeInterval_Minute", "PT2M"),
        ("TimeInterval_Hour / 2 - TimeInterval_Minute", "PT29M"),
        ("-TimeInterval_Week", "-P7D"),
        ("TimeInterval_Second * 30 == TimeInterval_Minute / 2", "1"),
        ("time() + TimeInterval_Day", "2026-11-23T08:12:30.500Z"),
        ("-6 * TimeInterval_Hour + time()", "2026-11-22T02:12:30.500Z"),
        ('time() - time("2026-11-22T08:12Z")', "PT30.5S"),
        ('time() > time("Sun, 22 Nov 2026 08:12:30 GMT")', "1"),
        ("1234567.0", "1.23457e+06"),
        ("2 / 3", "0.666667"),
    ],
)
def test_types_work_together_as_documented(expression: str, expected: str) -> None:
    assert shown(value(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "operands"),
    [
        ('1 + "a"', "Operator + does not take double and string"),
        ("1 + vec(1)", "Operator + does not take double and doubleVec"),
        ("time() - TimeInterval_Day", "Operator - does not take timestamp and timeinterval"),
        ("time() + time()", "Operator + does not take timestamp and timestamp"),
        ("vec(1) > 0", "Operator > does not take doubleVec and double"),
        ("vec(1, 2) + vec(1)", "The vectors have 2 and 1 elements"),
        ("vec(1) && 1", "Expected double, got doubleVec"),
        (
            "requeue == requeue",
            "Operator == does not take node deallocation option and node deallocation option",
        ),
    ],
)
def test_types_that_do_not_work_together_are_refused(expression: str, operands: str) -> None:
    assert error(f"x = {expression};").endswith(operands)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("avg(1, vec(2, 3), 6)", 3),
        ("avg(vec())", 0),
        ("len(1, vec(2, 3))", 3),
        ("lg(8)", 3),
        ("ln(1)", 0),
        ("log(1000)", 3),
        ("max(0, vec(4, 2))", 4),
        ("min(5, vec(4, 2))", 2),
        ("norm(3, 4)", 5),
        ("percentile(vec(4, 1, 3, 2), 50)", 2),
        ("percentile(vec(4, 1, 3, 2), 51)", 3),
        ("percentile(vec(4, 1), 0)", 1),
        ("range(3, 1, 8)", 7),
        ("std(7)", 0),
        ("sum(1, vec(2, 3))", 6),
        ("val(vec(7, 8, 9), 1)", 8),
        ("val(lg(vec(8)), 0)", 3),
        ("rand() >= 0 && rand() < 1", 1),
    ],
)
def test_functions(expression: str, expected: float) -> None:
    assert value(expression) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "2026-11-22T08:12:30.500Z"),
        ("2026", "2026-01-01T00:00:00.000Z"),
        ("2026-11", "2026-11-01T00:00:00.000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000Z"),
        ("2026-11-22T09:10+01:00", "2026-11-22T08:10:00.000Z"),
        ("2026-11-22T09:10:11.1234567Z", "2026-11-22T09:10:11.123Z"),
        ("Thu, 13 Oct 2016 19:18:47 GMT", "2016-10-13T19:18:47.000Z"),
    ],
)
def test_times_are_read_in_both_documented_formats(text: str, expected: str) -> None:
    assert shown(value(f'time("{text}")')) == expected


def test_a_time_has_members() -> None:
    members = ("year", "month", "day", "weekday", "hour", "minute", "second")
    assert [value(f"time().{name}") for name in members] == [2026, 11, 22, 7, 8, 12, 30]


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda number: f"({number!r})")
ARITHMETIC = st.recursive(
    NUMBERS | st.integers(0, 10**6).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("- {}".format),
    ),
)


@given(ARITHMETIC)
def test_arithmetic_is_that_of_python(expression: str) -> None:
    try:
        expected = float(eval(expression))
    except ZeroDivisionError:
        assert error(f"x = {expression};").endswith("Division by zero")
    else:
        if math.isfinite(expected):
            assert value(expression) == expected
        else:
            assert error(f"x = {expression};").endswith("out of range")


@given(st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2))
def test_statistics_are_those_of_python(numbers: list[float]) -> None:
    listed = ", ".join(f"{number!r}" for number in numbers)
    assert value(f"avg({listed})") == pytest.approx(statistics.fmean(numbers))
    assert value(f"std(vec({listed}))") == pytest.approx(statistics.stdev(numbers))


SIGNS = ["(", ")", ",", ";", "?", ":", "=", "==", "-", "*", "!", ".GetSample", ".hour"]
NAMES = ["$ActiveTasks", "$TargetDedicatedNodes", "x", "time", "vec", "val", "stop", "requeue"]
LITERALS = ["1e308", "0", '"2026"', "TimeInterval_Year"]


@given(st.lists(st.sampled_from(SIGNS + NAMES + LITERALS), max_size=30).map(" ".join) | st.text())
def test_any_text_is_evaluated_or_refused(formula: str) -> None:
    with suppress(BatchServiceError, EvaluationError):
        for result in variables(formula, history(1, 2)).values():
            shown(result)


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("$x = 1 +", "Line 1, Col 9: Unexpected end of formula"),
        ("$x = (1;", "Line 1, Col 8: Unexpected ';'"),
        ("$x = 1;\n  y = 3 4;", "Line 2, Col 9: Unexpected '4'"),
        ("x = 1 % 2;", "Line 1, Col 7: Unexpected '%'"),
        ('x = "a;', "Line 1, Col 5: Unexpected '\"'"),
        ("1 = x;", "Line 1, Col 3: Unexpected '='"),
        ("x = y = 1;", "Line 1, Col 7: Unexpected '='"),
        ("// x = 1;\nx == ;", "Line 2, Col 6: Unexpected ';'"),
    ],
)
def test_a_syntax_error_says_where_it_is(formula: str, message: str) -> None:
    with pytest.raises(BatchServiceError) as caught:
        autoscale.check(formula)
    assert (caught.value.code, caught.value.status) == ("AutoScalingFormulaSyntaxError", 400)
    assert caught.value.values == {"Message": message}


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("x" * 8193, "AutoScalingFormulaTooLong"),
        ("x = 1;" * 101, "AutoScalingFormulaTooLong"),
        ("", "InvalidAutoScalingSettings"),
        ("// nothing\n;", "InvalidAutoScalingSettings"),
    ],
)
def test_formulas_have_limits(formula: str, code: str) -> None:
    with pytest.raises(BatchServiceError) as caught:
        autoscale.check(formula)
    assert caught.value.code == code


def test_a_hundred_statements_of_8192_characters_are_allowed() -> None:
    autoscale.check("x = 1;" * 100 + "/" * (8192 - 600))


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("$nothing", "Line 1, Col 1: Undefined symbol: $nothing"),
        ("x = 1;\ny = x + nothing;", "Line 2, Col 9: Undefined symbol: nothing"),
        ("x = ceil(1.5);", "Line 1, Col 5: Undefined symbol: ceil"),
        ("x = time().century;", "Line 1, Col 12: Undefined symbol: century"),
        ("x = $ActiveTasks.Sample(1);", "Line 1, Col 24: Undefined symbol: Sample"),
        ("x = time().GetSample(1);", "Line 1, Col 12: Undefined symbol: GetSample"),
        ("x = 1 / 0;", "Line 1, Col 7: Division by zero"),
        ("x = 1e308 * 10;", "Line 1, Col 11: The result is out of range"),
        ("x = ln(0);", "Line 1, Col 7: Only positive doubles have a logarithm"),
        ("x = time() + 9e3 * TimeInterval_Year;", "Line 1, Col 12: The result is out of range"),
        ("x = val(vec(1), 1);", "Line 1, Col 8: There is no element 1 of 1"),
        ("x = rand(1);", "Line 1, Col 9: Expected no arguments"),
        ('x = time("noon");', 'Line 1, Col 9: "noon" is no time in W3C-DTF or RFC 1123'),
        ("x = vec(1) ? 2 : 3;", "Line 1, Col 12: Expected double, got doubleVec"),
        ("$ActiveTasks = 1;", "Line 1, Col 1: $ActiveTasks cannot be assigned"),
        ("$TargetDedicatedNodes = vec(1);", "Line 1, Col 1: $TargetDedicatedNodes does not take doubleVec"),
        ("$TargetLowPriority = 1e10;", "Line 1, Col 1: $TargetLowPriority is too large"),
        ("$NodeDeallocationOption = 1;", "Line 1, Col 1: $NodeDeallocationOption does not take double"),
        ("x = $ActiveTasks;", "Line 1, Col 5: $ActiveTasks is not a double, use its GetSample"),
        ("x = $CPUPercent.GetSample(1);", "Line 1, Col 26: The emulator does not measure $CPUPercent"),
        ("x = $NetworkInBytes;", "Line 1, Col 5: The emulator does not measure $NetworkInBytes"),
    ],
)
def test_an_evaluation_error_says_where_it_is(formula: str, message: str) -> None:
    assert error(formula) == message


def test_deep_nesting_is_no_harm() -> None:
    assert value("(" * 4000 + "1" + ")" * 4000) == 1
    assert error("x = " + "-" * 4000 + "1") == "The formula is nested too deeply"


def test_vectors_do_not_grow_without_end() -> None:
    assert error("v = vec(1, 2);" + "v = vec(v, v);" * 90).endswith("A list has 10000 elements at the most")


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
