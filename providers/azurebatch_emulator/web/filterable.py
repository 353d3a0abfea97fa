"""What Azure lets clients filter on, list by list.

The tables are those of https://learn.microsoft.com/rest/api/batchservice/odata-filters-in-batch.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

from odata_query import ast

from azurebatch_emulator.protocol.models.common import Word
from azurebatch_emulator.protocol.models.job_tasks import JobTaskState
from azurebatch_emulator.protocol.models.jobs import JobState
from azurebatch_emulator.protocol.models.nodes import ImageVerification, NodeState, OSType
from azurebatch_emulator.protocol.models.pools import AllocationState, PoolState
from azurebatch_emulator.protocol.models.schedules import JobScheduleState
from azurebatch_emulator.protocol.models.start_task import StartTaskState
from azurebatch_emulator.protocol.models.tasks import TaskResult, TaskState


class Kind(NamedTuple):
    """A kind of value."""

    name: str
    literal: type[ast._Literal]
    """What a filter has to write for such a value."""
    key: Callable[[Any], Any]
    """Makes of a value what Python's operators compare as Azure would compare the value."""


class Property(NamedTuple):
    """A property that a list can be filtered on."""

    kind: Kind
    operators: frozenset[str]
    choices: frozenset[str] = frozenset()
    """The only values there are; empty if there are others."""


_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def _instant(text: str) -> str:
    """A time as the service writes it, in UTC and with seven digits after the second: so text is in order.

    :raises ValueError: if it is not a time.
    """
    if len(text) == 28 and text[27] == "Z":
        return text
    match = _TIME.fullmatch(text.upper())
    if match is None:
        raise ValueError(text)
    date, minutes, seconds, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    moment = datetime.fromisoformat(f"{date}T{minutes or '00:00'}:{seconds or '00'}{offset}")
    try:
        whole = moment.astimezone(timezone.utc).isoformat()[:19]
    except OverflowError as error:  # an offset at either end of time
        raise ValueError(text) from error
    return f"{whole}.{(fraction or '')[:7]:0<7}Z"


def _same(value: Any) -> Any:
    return value


_TIMES = Kind("a time", ast.DateTime, _instant)
_INTEGERS = Kind("an integer", ast.Integer, _same)
_BOOLEANS = Kind("a boolean", ast.Boolean, _same)
_NAMES = Kind("a string", ast.String, str.lower)  # ids and the like, which Azure compares without case
_PATHS = Kind("a string", ast.String, _same)


def _property(kind: Kind, operators: str) -> Property:
    return Property(kind, frozenset(operators.split()))


def _word(words: type[Word], operators: str = "eq ne") -> Property:
    choices = frozenset(word.value.lower() for word in words)
    return Property(_NAMES, frozenset(operators.split()), choices)


_MOMENT = _property(_TIMES, "eq ne ge gt le lt")
_ID = _property(_NAMES, "startswith eq ne ge gt le lt")
_NAME = _property(_NAMES, "eq ne")
_FLAG = _property(_BOOLEANS, "eq ne")
_RESULT = _word(TaskResult)
_EXIT_CODE = _property(_INTEGERS, "eq ne ge gt le lt")


def _task_on_node(path: str, states: type[Word]) -> dict[str, Property]:
    """What a start, preparation or release task shows of its run."""
    return {
        f"{path}/state": _word(states, "eq"),
        f"{path}/startTime": _MOMENT,
        f"{path}/endTime": _MOMENT,
        f"{path}/exitCode": _EXIT_CODE,
        f"{path}/result": _RESULT,
    }


_JOB: Final[Mapping[str, Property]] = {
    "state": _word(JobState),
    "stateTransitionTime": _MOMENT,
    "creationTime": _MOMENT,
    "lastModified": _MOMENT,
    "executionInfo/startTime": _MOMENT,
    "executionInfo/endTime": _MOMENT,
    "executionInfo/poolId": _ID,
}

LISTS: Final[Mapping[str, Mapping[str, Property]]] = {
    "applications": {},
    "extensions": {},
    "files": {"name": _property(_PATHS, "startswith")},
    "jobpreparationandreleasetaskstatuslist": {
        "poolId": _NAME,
        "nodeId": _NAME,
        **_task_on_node("jobPreparationTaskExecutionInfo", JobTaskState),
        **_task_on_node("jobReleaseTaskExecutionInfo", JobTaskState),
    },
    "jobs": {"id": _ID, **_JOB},
    "jobschedules": {
        "id": _ID,
        "state": _word(JobScheduleState),
        "stateTransitionTime": _MOMENT,
        "creationTime": _MOMENT,
        "lastModified": _MOMENT,
        "executionInfo/endTime": _MOMENT,
        "schedule/doNotRunUntil": _MOMENT,
        "schedule/doNotRunAfter": _MOMENT,
    },
    "jobsofschedule": _JOB,
    "nodes": {
        "state": _word(NodeState),
        "stateTransitionTime": _MOMENT,
        "lastBootTime": _MOMENT,
        "allocationTime": _MOMENT,
        **_task_on_node("startTaskInfo", StartTaskState),
    },
    "poolnodecounts": {"poolId": _property(_NAMES, "eq")},
    "pools": {
        "id": _ID,
        "state": _word(PoolState),
        "stateTransitionTime": _MOMENT,
        "allocationState": _word(AllocationState),
        "allocationStateTransitionTime": _MOMENT,
        "creationTime": _MOMENT,
        "enableAutoScale": _FLAG,
        "lastModified": _MOMENT,
        "vmSize": _NAME,
        "enableInterNodeCommunication": _FLAG,
    },
    "poolusagemetrics": {"poolId": _property(_NAMES, "startswith eq ge gt le lt")},
    "subtasks": {},
    "supportedimages": {
        "osType": _word(OSType),
        "verificationType": _word(ImageVerification),
        "nodeAgentSKUId": _NAME,
    },
    "tasks": {
        "id": _ID,
        "state": _word(TaskState),
        "stateTransitionTime": _MOMENT,
        "creationTime": _MOMENT,
        "lastModified": _MOMENT,
        "lastModifiedTime": _MOMENT,
        "executionInfo/startTime": _MOMENT,
        "executionInfo/endTime": _MOMENT,
        "executionInfo/exitCode": _EXIT_CODE,
        "executionInfo/result": _RESULT,
    },
}
"""The filterable properties of each list, by their paths. A list without any takes no filter."""

ALIASES: Final[Mapping[str, str]] = {"lastModifiedTime": "lastModified"}
"""Names that only the tables have, and what the property is called in the resource."""
