"""What `$filter` lets pass, what it refuses, and that it can be written in every way OData allows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.files import NodeFile
from azurebatch_emulator.protocol.models.job_tasks import JobPreparationAndReleaseStatus
from azurebatch_emulator.protocol.models.jobs import Job
from azurebatch_emulator.protocol.models.nodes import Node, PoolNodeCounts, SupportedImage
from azurebatch_emulator.protocol.models.pools import Pool
from azurebatch_emulator.protocol.models.schedules import JobSchedule
from azurebatch_emulator.protocol.models.statistics import PoolUsageMetrics
from azurebatch_emulator.protocol.models.tasks import NodeInfo, Task, TaskExecutionInfo, TaskResult, TaskState
from azurebatch_emulator.web.filterable import ALIASES, LISTS
from azurebatch_emulator.web.filters import compile_filter

MODELS: dict[str, type[Struct]] = {
    "files": NodeFile,
    "jobpreparationandreleasetaskstatuslist": JobPreparationAndReleaseStatus,
    "jobs": Job,
    "jobschedules": JobSchedule,
    "jobsofschedule": Job,
    "nodes": Node,
    "poolnodecounts": PoolNodeCounts,
    "pools": Pool,
    "poolusagemetrics": PoolUsageMetrics,
    "supportedimages": SupportedImage,
    "tasks": Task,
}


def task(
    id: str = "Task-1",  # noqa: A002
    state: TaskState = TaskState.ACTIVE,
    created: str = "2026-11-22T08:12:13.1234567Z",
    execution_info: TaskExecutionInfo | None = None,
) -> Task:
    return Task(
        id=id,
        command_line="true",
        url="",
        e_tag="0x1",
        last_modified=created,
        creation_time=created,
        state=state,
        state_transition_time=created,
        execution_info=execution_info,
        node_info=NodeInfo(pool_id="p"),
    )


def ended(exit_code: int | None, result: TaskResult = TaskResult.SUCCESS) -> TaskExecutionInfo:
    return TaskExecutionInfo(retry_count=0, requeue_count=0, exit_code=exit_code, result=result)


def passes(text: str, item: Any, kind: str = "tasks") -> bool:
    return compile_filter(text, kind)(item)


def reason(text: str, kind: str = "tasks") -> str:
    with pytest.raises(BatchServiceError) as caught:
        compile_filter(text, kind)
    error = caught.value
    assert (error.code, error.status) == ("InvalidQueryParameterValue", 400)
    assert (error.values["QueryParameterName"], error.values["QueryParameterValue"]) == ("$filter", text)
    return error.values["Reason"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state eq 'active'", True),
        ("state eq 'Active'", True),
        ("state ne 'active'", False),
        ("id eq 'task-1'", True),
        ("id ge 'TASK-1' and id lt 'task-2'", True),
        ("id gt 'task-1'", False),
        ("startswith(id,'task')", True),
        ("startswith( id , 'x' )", False),
        ("startswith(id,'x') eq false", True),
        ("not startswith(id,'x')", True),
        ("not (state eq 'active' or state eq 'running')", False),
        ("'active' eq state", True),
        ("lastModified ge 2026-11-22T08:12:13Z and lastModifiedTime ge 2026-11-22T08:12:13Z", True),
        ("'task-0' lt id", True),
        ("  state EQ 'active'  ", True),
        ("state eq 'completed' or id eq 'task-1' and state eq 'active'", True),
        ("(state eq 'completed' or id eq 'task-1') and state eq 'completed'", False),
    ],
)
def test_a_task_is_compared_as_azure_does(text: str, expected: bool) -> None:
    assert passes(text, task()) is expected


def test_a_quote_in_a_string_is_doubled() -> None:
    assert passes("startswith(name,'it''s')", NodeFile(name="it's.txt"), "files")


def test_names_of_files_differ_by_case() -> None:
    assert not passes("startswith(name,'WD/')", NodeFile(name="wd/a"), "files")


@pytest.mark.parametrize("literal", ["DateTime'{}'", "datetime'{}'", "datetimeoffset'{}'", "{}"])
@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        ("eq 2026-11-22T08:12:13.1234567Z", True),
        ("eq 2026-11-22T09:12:13.1234567+01:00", True),
        ("ne 2026-11-22T08:12:13.1234568Z", True),
        ("gt 2026-11-22T08:12:13Z", True),
        ("ge 2026-11-22T08:12:13.1234567", True),
        ("lt 2026-11-22T08:12:13.2Z", True),
        ("le 2026-11-22T08:12:13.12Z", False),
        ("gt 2026-11-22T08:12Z", True),
    ],
)
def test_times_are_compared_to_the_last_digit_however_they_are_written(
    literal: str, comparison: str, expected: bool
) -> None:
    name, time = comparison.split(" ")
    assert passes(f"creationTime {name} {literal.format(time)}", task()) is expected


class Anything:
    """A resource with whatever attributes a test gives it."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def test_times_that_a_client_wrote_are_compared_too() -> None:
    item = Anything(schedule=Anything(do_not_run_until="2026-01-01T01:00:00+01:00"))
    assert passes("schedule/doNotRunUntil eq DateTime'2026-01-01T00:00:00Z'", item, "jobschedules")
    assert passes("schedule/doNotRunUntil lt DateTime'2026-01-01T00:00:00.0000001Z'", item, "jobschedules")


@pytest.mark.parametrize("info", [None, ended(None)])
def test_a_comparison_with_an_absent_property_is_false(info: TaskExecutionInfo | None) -> None:
    item = task(execution_info=info)
    for name in ("eq", "ne", "gt", "ge", "lt", "le"):
        assert not passes(f"executionInfo/exitCode {name} 0", item)
    assert passes("executionInfo/exitCode eq null", item)
    assert not passes("executionInfo/exitCode ne null", item)


def test_exit_codes_and_results_are_compared() -> None:
    item = task(execution_info=ended(-9, TaskResult.FAILURE))
    assert passes("executionInfo/exitCode ne 0 and executionInfo/result eq 'Failure'", item)
    assert passes("executionInfo/exitCode lt -8 and executionInfo/exitCode ne null", item)


def test_flags_and_names_that_begin_like_other_words_are_compared() -> None:
    pool = Anything(enable_auto_scale=True, allocation_state="steady", vm_size="standard_d1_v2")
    assert passes("enableAutoScale eq true and allocationState eq 'steady'", pool, "pools")
    assert passes("enableAutoScale ne false and vmSize eq 'STANDARD_D1_v2'", pool, "pools")
    image = Anything(node_agent_sku_id="batch.node.ubuntu 22.04", os_type="linux")
    assert passes(
        "nodeAgentSKUId eq 'batch.node.ubuntu 22.04' and osType ne 'windows'", image, "supportedimages"
    )


@pytest.mark.parametrize(
    ("text", "kind", "complaint"),
    [
        ("state gt 'active'", "tasks", "operator 'gt' is not supported for the property 'state'"),
        ("startswith(state,'a')", "tasks", "operator 'startswith' is not supported"),
        ("startTaskInfo/state ne 'running'", "nodes", "operator 'ne' is not supported"),
        ("startswith(vmSize,'s')", "pools", "operator 'startswith' is not supported"),
        ("poolId ne 'p'", "poolnodecounts", "operator 'ne' is not supported"),
        ("name eq 'a'", "files", "operator 'eq' is not supported"),
        ("id eq 'j'", "jobsofschedule", "'id' cannot be filtered on"),
        ("nodeInfo/poolId eq 'p'", "tasks", "'nodeInfo/poolId' cannot be filtered on"),
        ("STATE eq 'active'", "tasks", "'STATE' cannot be filtered on"),
        ("displayName eq 'a'", "tasks", "'displayName' cannot be filtered on"),
        ("id eq 'a'", "subtasks", "'id' cannot be filtered on"),
        ("a/b/c eq 1", "tasks", "'a/b/c' cannot be filtered on"),
        ("state eq 'activ'", "tasks", "'activ' is not a value of the property 'state'"),
        ("state eq 1", "tasks", "must be compared with a string"),
        ("id eq id", "tasks", "must be compared with a string"),
        ("id eq null and startswith(id,null)", "tasks", "must be compared with a string"),
        ("executionInfo/exitCode eq '0'", "tasks", "must be compared with an integer"),
        ("executionInfo/exitCode eq 1.5", "tasks", "must be compared with an integer"),
        (f"executionInfo/exitCode eq {'9' * 5000}", "tasks", "is not an integer"),
        ("creationTime gt '2015-01-01T00:00:00Z'", "tasks", "must be compared with a time"),
        ("creationTime gt 2015-02-30T00:00:00Z", "tasks", "is not a time"),
        ("creationTime gt DateTime'yesterday'", "tasks", "is not a time"),
        ("creationTime gt DateTime'9999-12-31T23:59:59-01:00'", "tasks", "is not a time"),
        ("enableAutoScale eq 1", "pools", "must be compared with a boolean"),
        ("enableAutoScale", "pools", "must be a comparison"),
        ("'a' eq 'a'", "tasks", "must be a property"),
        ("not state eq 'active'", "tasks", "must be a property"),
        ("state in ('active','running')", "tasks", "'in' is not supported"),
        ("endswith(id,'a')", "tasks", "'endswith' is not supported"),
        ("x.startswith(id)", "tasks", "'x.startswith' is not supported"),
        ("state eq 'active' and", "tasks", "not syntactically valid"),
        ("state == 'active'", "tasks", "not syntactically valid"),
        ("state eq 'active", "tasks", "not syntactically valid"),
        ("startswith(id)", "tasks", "not syntactically valid"),
        ("", "tasks", "not syntactically valid"),
        ("not " * 500 + "(id eq 'a')", "tasks", "nested too deeply"),
        ("/".join("a" * 20_000) + " eq 1", "tasks", "nested too deeply"),
    ],
)
def test_what_azure_does_not_allow_is_refused(text: str, kind: str, complaint: str) -> None:
    assert complaint in reason(text, kind)


def test_many_alternatives_and_many_parentheses_are_no_depth() -> None:
    assert passes(" or ".join(f"id eq 'task-{n}'" for n in reversed(range(2000))), task())
    assert passes("(" * 500 + "id eq 'task-1'" + ")" * 500, task())


@pytest.mark.parametrize("kind", sorted(LISTS))
def test_every_filterable_property_is_one_of_the_model(kind: str) -> None:
    for path in LISTS[kind]:
        model: Any = MODELS[kind]
        for name in path.split("/"):
            wire_names = dict(zip(model.__struct_encode_fields__, model.__struct_fields__))
            hint = get_type_hints(model)[wire_names[ALIASES.get(name, name)]]
            model = next((arg for arg in get_args(hint) if isinstance(arg, type)), hint)
    for path, known in LISTS[kind].items():
        if "eq" in known.operators:
            compile_filter(f"{path} eq null", kind)


# Filters of any shape, against a reading of them by hand

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
Test = Callable[[Task], bool]
names = st.sampled_from(["", "a", "A", "b''s", "Task-1", "ü"])
spaces = st.sampled_from([" ", "  ", "\t"])
moments = st.sampled_from([f"2026-11-22T08:12:1{n}.000000{n}Z" for n in range(3)])


def compare(name: str, value: object, wanted: object) -> bool:
    return value is not None and COMPARISONS[name](value, wanted)


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, Test]:
    name = draw(st.sampled_from(sorted(COMPARISONS)))
    space = draw(spaces)
    which = draw(st.sampled_from(["id", "prefix", "state", "time", "code"]))
    if which == "id":
        wanted = draw(names)
        plain = wanted.replace("''", "'").lower()
        return f"id{space}{name} '{wanted}'", lambda t: compare(name, t.id.lower(), plain)
    if which == "prefix":
        wanted = draw(names)
        plain = wanted.replace("''", "'").lower()
        return f"startswith(id,{space}'{wanted}')", lambda t: t.id.lower().startswith(plain)
    if which == "state":
        state = draw(st.sampled_from(list(TaskState)))
        name = draw(st.sampled_from(["eq", "ne"]))
        return f"state {name}{space}'{state}'", lambda t: compare(name, t.state, state)
    if which == "time":
        moment = draw(moments)
        text = draw(st.sampled_from(["{}", "DateTime'{}'"])).format(moment)
        return f"creationTime {name} {text}", lambda t: compare(name, t.creation_time, moment)
    code = draw(st.integers(-2, 2))
    return f"executionInfo/exitCode {name} {code}", lambda t: compare(
        name, t.execution_info and t.execution_info.exit_code, code
    )


def combined(parts: st.SearchStrategy[tuple[str, Test]]) -> st.SearchStrategy[tuple[str, Test]]:
    def both(left: tuple[str, Test], right: tuple[str, Test]) -> tuple[str, Test]:
        return f"({left[0]}) and ({right[0]})", lambda t: left[1](t) and right[1](t)

    def either(left: tuple[str, Test], right: tuple[str, Test]) -> tuple[str, Test]:
        return f"({left[0]} or {right[0]})", lambda t: left[1](t) or right[1](t)

    def neither(part: tuple[str, Test]) -> tuple[str, Test]:
        return f"not ({part[0]})", lambda t: not part[1](t)

    return st.builds(both, parts, parts) | st.builds(either, parts, parts) | st.builds(neither, parts)


some_tasks = st.builds(
    task,
    id=names.map(lambda name: name.replace("''", "'")),
    state=st.sampled_from(list(TaskState)),
    created=moments,
    execution_info=st.none() | st.builds(ended, st.none() | st.integers(-2, 2)),
)


@given(st.recursive(comparisons(), combined, max_leaves=8), some_tasks)
def test_a_written_filter_means_what_its_parts_mean(written: tuple[str, Test], item: Task) -> None:
    text, expected = written
    assert passes(text, item) is expected(item)


words = st.sampled_from(["id", "state", "creationTime", "executionInfo/exitCode", "startswith(id,'a')"])
words |= st.sampled_from(["eq", "ne", "gt", "and", "or", "not", "in", "null", "true", "all", "any", "geo.x"])
words |= st.sampled_from(["1", "-1", "1.5", "'a'", "'active'", "DateTime'2015-01-01'", "2015-01-01", "12:00"])
words |= st.sampled_from(["(", ")", ",", "/", ":", "="]) | st.text(max_size=5)
separators = st.sampled_from(["", " "])


@given(st.lists(words, max_size=12), separators, st.sampled_from(sorted(LISTS)))
def test_any_text_is_a_filter_or_is_refused(parts: list[str], separator: str, kind: str) -> None:
    status = 200
    try:
        test = compile_filter(separator.join(parts), kind)
        if kind == "tasks":
            test(task())
    except BatchServiceError as error:
        status = error.status
    assert status in (200, 400)
