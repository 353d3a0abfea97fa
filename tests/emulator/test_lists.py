"""Pages of lists, selections, and what a query may ask for."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models.statistics import TaskStatistics
from azurebatch_emulator.protocol.models.tasks import Task, TaskState
from azurebatch_emulator.web.lists import Query, element, in_order, page, read_query

ENDPOINT = "http://127.0.0.1:10100"
PATH = "/jobs/j/tasks"
TIME = "2026-11-22T08:12:13.1234567Z"
STATISTICS = TaskStatistics(
    url="",
    start_time=TIME,
    last_update_time=TIME,
    user_cpu_time="PT0S",
    kernel_cpu_time="PT0S",
    wall_clock_time="PT0S",
    read_iops=0,
    write_iops=0,
    read_io_gib=0.0,
    write_io_gib=0.0,
    wait_time="PT0S",
)


def task(name: str, state: TaskState = TaskState.ACTIVE, stats: TaskStatistics | None = None) -> Task:
    return Task(
        id=name,
        command_line="true",
        url=f"{ENDPOINT}{PATH}/{name}",
        e_tag="0x1",
        last_modified=TIME,
        creation_time=TIME,
        state=state,
        state_transition_time=TIME,
        stats=stats,
    )


def tasks(*names: str) -> dict[str, Task]:
    return {name: task(name) for name in names}


def fetch(resources: dict[str, Any], query: str, kind: str = "tasks") -> dict[str, Any]:
    """One page, for a query as it stands in the URL."""
    asked = read_query(query)
    body = page(in_order(resources, asked), asked, kind=kind, endpoint=ENDPOINT, path=PATH)
    loaded: dict[str, Any] = json.loads(body)
    return loaded


def ids(body: dict[str, Any]) -> list[str]:
    return [item["id"] for item in body["value"]]


def next_query(body: dict[str, Any]) -> str | None:
    link = body.get("odata.nextLink")
    return None if link is None else urlsplit(link).query


def refusal(query: str) -> BatchServiceError:
    with pytest.raises(BatchServiceError) as caught:
        fetch(tasks("a"), query)
    assert caught.value.status == 400
    return caught.value


def test_a_list_is_in_the_order_of_ids_and_says_what_it_is() -> None:
    body = fetch(tasks("b", "c", "a"), "api-version=2025-06-01")
    assert list(body) == ["odata.metadata", "value"]
    assert body["odata.metadata"] == f"{ENDPOINT}/$metadata#tasks"
    assert ids(body) == ["a", "b", "c"]
    assert body["value"][0] == {
        "id": "a",
        "url": f"{ENDPOINT}{PATH}/a",
        "eTag": "0x1",
        "lastModified": TIME,
        "creationTime": TIME,
        "state": "active",
        "stateTransitionTime": TIME,
        "commandLine": "true",
    }


def test_an_empty_list_has_an_empty_value() -> None:
    assert fetch({}, "") == {"odata.metadata": f"{ENDPOINT}/$metadata#tasks", "value": []}


def test_the_jobs_of_a_schedule_are_jobs() -> None:
    assert fetch({}, "", "jobsofschedule")["odata.metadata"] == f"{ENDPOINT}/$metadata#jobs"


def test_the_next_link_repeats_the_query_as_it_came() -> None:
    query = "api-version=2025-06-01&maxresults=2&$filter=state%20eq%20%27active%27&%24select=id"
    body = fetch(tasks("a", "b", "c"), query)
    link = body["odata.nextLink"]
    assert link.startswith(f"{ENDPOINT}{PATH}?{query}&$skiptoken=")
    assert parse_qs(urlsplit(link).query)["$skiptoken"] != ["b"]
    last = fetch(tasks("a", "b", "c"), urlsplit(link).query)
    assert last["value"] == [{"id": "c"}]
    assert "odata.nextLink" not in last


def test_the_next_link_of_a_later_page_has_one_token() -> None:
    body = fetch(tasks("a", "b", "c"), "maxresults=1")
    body = fetch(tasks("a", "b", "c"), next_query(body) or "")
    assert (next_query(body) or "").count("skiptoken") == 1
    body = fetch(tasks("a", "b", "c"), (next_query(body) or "").replace("$", "%24"))
    assert ids(body) == ["c"]


def test_a_page_is_as_full_as_the_filter_allows_and_the_last_has_no_link() -> None:
    resources = {
        f"{n:04}": task(f"{n:04}", TaskState.RUNNING if n % 10 else TaskState.ACTIVE) for n in range(100)
    }
    body = fetch(resources, "$filter=state eq 'active'&maxresults=10")
    assert len(body["value"]) == 10
    assert "odata.nextLink" not in body


def test_a_page_has_a_thousand_resources_unless_fewer_are_wanted() -> None:
    resources = tasks(*(f"{n:04}" for n in range(1001)))
    assert len(fetch(resources, "")["value"]) == 1000
    assert len(fetch(resources, "maxresults=1000")["value"]) == 1000
    assert len(fetch(resources, "MaxResults=7")["value"]) == 7


@pytest.mark.parametrize("value", ["0", "1001", "-1", "9999999999"])
def test_other_numbers_of_results_are_out_of_range(value: str) -> None:
    error = refusal(f"maxresults={value}")
    assert error.code == "InvalidQueryParameterValue"
    assert error.values["QueryParameterValue"] == value
    assert error.values["Reason"].startswith("MaxResults cannot be ")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("maxresults=", "maxresults"),
        ("maxresults=ten", "maxresults"),
        ("maxresults=%D9%A3", "maxresults"),
        ("maxresults=" + "1" * 5000, "maxresults"),
        ("$select=id,colour", "$select"),
        ("$select=command_line", "$select"),
        ("$select=executionInfo/exitCode", "$select"),
        ("$expand=tasks", "$expand"),
        ("$filter=colour eq 'red'", "$filter"),
        ("$skiptoken=%21", "$skiptoken"),
        ("$skiptoken=%C3%BC", "$skiptoken"),
        ("$skiptoken=_w", "$skiptoken"),
    ],
)
def test_values_that_are_not_valid_are_refused(query: str, name: str) -> None:
    error = refusal(query)
    assert error.code == "InvalidQueryParameterValue"
    assert error.values["QueryParameterName"] == name


def test_only_selected_properties_are_shown_and_absent_ones_left_out() -> None:
    body = fetch(tasks("a"), "$select=state, id ,displayName,stats")
    assert body["value"] == [{"id": "a", "state": "active"}]
    assert fetch(tasks("a"), "$select=")["value"] == fetch(tasks("a"), "$select=*")["value"]
    assert fetch(tasks("a"), "$select=displayName")["value"] == [{}]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", False),
        ("$select=id,stats", False),
        ("$expand=stats&$select=id", False),
        ("$expand=stats", True),
        ("$select=id,stats&$expand=stats", True),
    ],
)
def test_statistics_are_shown_to_who_expands_them(query: str, shown: bool) -> None:
    item = task("a", stats=STATISTICS)
    asked = read_query(query)
    assert ("stats" in fetch({"a": item}, query)["value"][0]) is shown
    assert ("stats" in json.loads(element(item, asked, kind="tasks", endpoint=ENDPOINT))) is shown


def test_one_resource_says_first_what_it_is() -> None:
    asked = read_query("$select=id,state")
    body = element(task("a"), asked, kind="tasks", endpoint=ENDPOINT)
    assert body == f'{{"odata.metadata":"{ENDPOINT}/$metadata#tasks/@Element",'.encode() + (
        b'"id":"a","state":"active"}'
    )


def test_one_resource_has_all_that_it_has_in_a_list() -> None:
    shown = json.loads(element(task("a"), Query(), kind="tasks", endpoint=ENDPOINT))
    assert shown.pop("odata.metadata") == f"{ENDPOINT}/$metadata#tasks/@Element"
    assert shown == fetch(tasks("a"), "")["value"][0]


class Item(Struct, rename="camel", omit_defaults=True):
    """The least a list can have."""

    id: str


keys = st.text("abcABC012-_%&é'\"", min_size=1, max_size=4)


@given(
    lasting=st.sets(keys, max_size=12),
    passing=st.lists(st.tuples(keys, st.booleans()), max_size=20),
    size=st.integers(1, 5),
)
def test_pages_show_all_that_stays_once_while_others_come_and_go(
    lasting: set[str], passing: list[tuple[str, bool]], size: int
) -> None:
    resources = {key: Item(key) for key in lasting}
    shown: list[str] = []
    changes = iter(passing)
    query: str | None = f"maxresults={size}"
    while query is not None:
        body = fetch(resources, query)
        shown += ids(body)
        assert len(body["value"]) <= size
        for key, added in [change for change, _ in zip(changes, range(2))]:
            if added:
                resources[key] = Item(key)
            elif key not in lasting:
                resources.pop(key, None)
        query = next_query(body)
    assert len(shown) == len(set(shown))
    assert lasting <= set(shown)
    assert shown == sorted(shown)


def test_a_resource_may_vanish_while_a_page_is_made() -> None:
    resources = tasks("a", "b", "c")
    items = in_order(resources, Query())
    assert next(items)[0] == "a"
    del resources["b"]
    resources["d"] = task("d")
    assert [key for key, _ in items] == ["c"]


parameters = st.sampled_from(["maxresults", "$filter", "$select", "$expand", "$skiptoken", "api-version"])


@given(st.lists(st.builds("{}={}".format, parameters | st.text(max_size=3), st.text(max_size=5))))
def test_any_query_is_read_or_refused(parts: list[str]) -> None:
    status = 200
    try:
        fetch(tasks("a", "b"), "&".join(parts))
    except BatchServiceError as error:
        status = error.status
    assert status in (200, 400)
