"""The language of automatic scaling formulas, and its errors."""

from __future__ import annotations

import math
import statistics
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azurebatch_emulator import autoscale
from azurebatch_emulator.autoscale.failures import EvaluationError
from azurebatch_emulator.autoscale.values import shown
from azurebatch_emulator.protocol.errors import BatchServiceError
from tests.support.formulas import error, history, value, variables

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
