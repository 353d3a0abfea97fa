"""Requests made at random: bodies by the service's own models and then changed, paths, queries, headers."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec.inspect as inspect
from hypothesis import strategies as st
from msgspec import Struct

from azurebatch_emulator.protocol.models import files, jobs, nodes, pools, schedules, tasks, users
from azurebatch_emulator.web.operation import Operation

__all__ = ["THERE", "bodies", "headers", "paths", "queries", "words"]

THERE = "there"
"""Id of a pool, a job and a task."""

_MODELS: dict[str, type[Struct]] = {
    "create_job": jobs.JobAdd,
    "update_job": jobs.JobPatch,
    "replace_job": jobs.JobReplace,
    "disable_job": jobs.JobDisable,
    "terminate_job": jobs.JobTerminate,
    "reboot_node": nodes.NodeReboot,
    "reimage_node": nodes.NodeReimage,
    "deallocate_node": nodes.NodeDeallocate,
    "disable_node_scheduling": nodes.NodeDisableScheduling,
    "upload_node_logs": files.UploadLogs,
    "create_node_user": users.NodeUserAdd,
    "replace_node_user": users.NodeUserReplace,
    "create_pool": pools.PoolAdd,
    "update_pool": pools.PoolPatch,
    "replace_pool_properties": pools.PoolReplace,
    "resize_pool": pools.PoolResize,
    "remove_nodes": pools.NodesRemove,
    "enable_pool_auto_scale": pools.PoolEnableAutoScale,
    "evaluate_pool_auto_scale": pools.PoolEvaluateAutoScale,
    "create_job_schedule": schedules.JobScheduleAdd,
    "update_job_schedule": schedules.JobSchedulePatch,
    "replace_job_schedule": schedules.JobScheduleReplace,
    "create_task": tasks.TaskAdd,
    "create_task_collection": tasks.TaskCollection,
    "replace_task": tasks.TaskReplace,
}

# Plain values

ids = st.sampled_from([THERE, "other", "OTHER", "a-b_c"])
texts = st.text(max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "\0",
        "..",
        "../../etc",
        "/",
        "a" * 70,
        "a" * 3000,
        "é",
        "💥",
        "-1",
        "2026-02-30T00:00:00Z",
        "P9Y",
    ]
)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 1, 256, 257, 2**31 - 1, 2**31, 2**63, -(2**63), 10**400])
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
durations = st.sampled_from(
    ["PT0S", "PT0.01S", "PT1S", "PT1M", "PT5M", "P1D", "P999999999Y", "P10675199DT2H48M5.4775807S"]
)
times = st.sampled_from(
    [
        "2020-01-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999999Z",
    ]
)
# whatever is drawn is run on this machine
commands = st.sampled_from(
    ["true", "/bin/sh -c 'exit 3'", "/bin/sh -c 'sleep 0.05'", "", " ", "'", "none", "/"]
)
urls = (
    st.sampled_from(["http://127.0.0.1:9/a/b", "http://127.0.0.1:9/a?sig=x", "http://[", "http://\0/", "x:"])
    | texts
)
formulas = st.sampled_from(
    [
        "$TargetDedicatedNodes=1;",
        "$TargetDedicatedNodes=99999999999;",
        "$a=$b;",
        "1/0;",
        "((((",
        "$TargetDedicatedNodes=",
    ]
)
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "id": ids,
    "poolId": ids,
    "poolInfo": st.fixed_dictionaries({"poolId": ids}),
    "applicationPackageReferences": st.just([]),
    "jobId": ids,
    "commandLine": commands,
    "coordinationCommandLine": commands,
    "httpUrl": urls,
    "storageContainerUrl": urls,
    "containerUrl": texts,
    "autoScaleFormula": formulas | texts,
    "targetDedicatedNodes": st.sampled_from([0, 1, 2, 2**31 - 1]),
    "targetLowPriorityNodes": st.sampled_from([0, 1, 2**31 - 1]),
    "filePattern": st.sampled_from(["*", "**/*", "../std*.txt", "[", "[!]", "**", "wd/[a-"]) | texts,
}
_NEVER_LEFT_OUT = {"virtualMachineConfiguration"}


# Bodies


def bodies(operation: Operation) -> st.SearchStrategy[Any]:
    """Bodies for an operation: most are valid by type, or were until something in them was changed."""
    model = _MODELS.get(operation.name)
    if model is None:
        return st.just(None) | json_values
    valid = _of_type(inspect.type_info(model))
    return valid | valid.flatmap(_changed)


@lru_cache(None)
def _of_model(model: type[Struct]) -> st.SearchStrategy[dict[str, Any]]:
    info = inspect.type_info(model)
    assert isinstance(info, inspect.StructType)
    kinds = {field.encode_name: _field(field) for field in info.fields}
    wanted = [
        field.encode_name for field in info.fields if field.required or field.encode_name in _NEVER_LEFT_OUT
    ]
    others = [name for name in kinds if name not in wanted]
    chosen = st.lists(st.sampled_from(others), max_size=4, unique=True) if others else st.just([])
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: kinds[name] for name in (*wanted, *names)})
    )


def _field(field: inspect.Field) -> st.SearchStrategy[Any]:
    by_name = _BY_NAME.get(field.encode_name)
    return by_name if by_name is not None else st.deferred(lambda: _of_type(field.type))


def _of_type(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StructType():
            return _of_model(kind.cls)
        case inspect.UnionType():
            return st.one_of(*map(_of_type, kind.types))
        case inspect.NoneType():
            return st.none()
        case inspect.EnumType():
            return st.sampled_from([word for one in kind.cls for word in (one.value, str(one.value).upper())])
        case inspect.ListType():
            return st.lists(_of_type(kind.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(texts, json_values, max_size=2)
        case inspect.IntType():
            low, high = kind.ge or 0, kind.le or 2**31 - 1
            return st.sampled_from([low, high, min(max(low, 1), high)])
        case inspect.FloatType():
            return st.floats(0, 100)
        case inspect.BoolType():
            return st.booleans()
        case inspect.StrType(pattern=str(pattern)):
            return durations if pattern.startswith("^P") else times if "Tt" in pattern else ids
        case inspect.StrType():
            return texts.map(lambda text: text[: kind.max_length])
    return json_values


@st.composite
def _changed(draw: st.DrawFn, valid: Any) -> Any:
    """A body in which one to three places are changed."""
    body = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(body))
        if not places:
            return draw(json_values)
        holder, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["replace", "remove", "add", "repeat"]))
        if change == "replace":
            holder[key] = draw(json_values)
        elif change == "remove":
            del holder[key]
        elif change == "add" and isinstance(holder, dict):
            holder[draw(texts)] = draw(json_values)
        elif change == "repeat" and isinstance(holder, list):
            holder.extend([holder[key]] * draw(st.sampled_from([1, 100])))
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a body, as what it is in and its name or number there."""
    for key in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        if key != "commandLine":
            yield value, key
        yield from _places(value[key])


# Paths, queries and headers

words = st.sampled_from(
    [
        "pools",
        "jobs",
        "tasks",
        "nodes",
        "files",
        "users",
        "jobschedules",
        "addtaskcollection",
        "stdout.txt",
        "wd",
        THERE,
    ]
)
_segments = (words | texts).map(lambda text: quote(text, safe="")) | st.sampled_from(
    ["", ".", "..", "%00", "%2e%2e", "%2F", "%", "%zz", "%ff%fe", ";", "$metadata"]
)
paths = st.lists(_segments, max_size=7).map(lambda parts: "/" + "/".join(parts))

_properties = st.sampled_from(
    [
        "id",
        "state",
        "priority",
        "creationTime",
        "executionInfo/exitCode",
        "executionInfo/result",
        "name",
        "nope",
        "stats",
    ]
)
_literals = st.sampled_from(
    [
        "'there'",
        "1",
        "-1",
        "1.5",
        "true",
        "null",
        "datetime'2026-01-01'",
        "2026-01-01T00:00:00Z",
        "'it''s'",
        "'",
        "9" * 400,
    ]
)
_tokens = (
    _properties
    | _literals
    | st.sampled_from(
        [
            "and",
            "or",
            "not",
            "eq",
            "ne",
            "lt",
            "ge",
            "(",
            ")",
            ",",
            "startswith(",
            "contains(",
            "/",
            "any",
            "duration'PT1S'",
        ]
    )
)
_filters = (
    st.builds(
        "{} {} {}".format, _properties, st.sampled_from(["eq", "ne", "lt", "gt", "le", "ge"]), _literals
    )
    | st.lists(_tokens | texts, max_size=12).map(" ".join)
    | st.sampled_from(["(" * 3000, "not " * 3000, "id eq 'a' or " * 3000])
)
_selections = st.lists(_properties | texts | st.just("*"), max_size=3).map(",".join)
queries = st.dictionaries(
    st.sampled_from(
        [
            "$filter",
            "$select",
            "$expand",
            "$skiptoken",
            "maxresults",
            "timeout",
            "recursive",
            "force",
            "api-version",
            "x",
        ]
    ),
    texts | _selections,
    max_size=3,
) | st.builds(
    lambda text, size: {"$filter": text, "maxresults": size}, _filters, st.sampled_from(["1", "1000"])
)

headers = st.dictionaries(
    st.sampled_from(
        [
            "If-Match",
            "If-None-Match",
            "If-Modified-Since",
            "If-Unmodified-Since",
            "ocp-range",
            "Range",
            "ocp-date",
            "Content-Type",
            "Content-Encoding",
            "client-request-id",
            "return-client-request-id",
            "Authorization",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "Host",
            "Accept",
            "Expect",
            "Upgrade",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip)
    | st.sampled_from(
        [
            "*",
            '"0x1"',
            "bytes=0-",
            "bytes=5-1",
            "bytes=-5",
            f"bytes=0-{9**99}",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Mon, 32 Foo 99999 25:61:61 GMT",
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "[",
            "[::1",
            "true",
            "100-continue",
            "websocket",
            "SharedKey a:b",
            "Bearer a.b.c",
            "gzip",
        ]
    ),
    min_size=1,
    max_size=4,
)
