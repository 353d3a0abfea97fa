"""What an Azure Batch job holds of the submission that it is a part of: enough to attach to it from anywhere.

The values of environment variables are left to the job's own settings, where they have to be anyhow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from remotebatch.provider import JobRecord, decode_record, encode_record
from remotebatch_azurebatch.batch.parts import Part
from remotebatch_azurebatch.batch.values import lower
from remotebatch_azurebatch.settings import AzureBatchSettings

_RECORD, _PART, _OBJECTS = "remotebatch", "remotebatch.part", "remotebatch.objects"

SELECTED = ["id", "state", "metadata", "commonEnvironmentSettings", "executionInfo", "poolInfo"]
"""What a query must ask for, of a job, for this module to read it."""


def items(record: JobRecord, part: Part, objects: Sequence[str]) -> list[dict[str, str]]:
    """The metadata of one part, in the REST interface's form.

    :param objects: blobs in the container of objects that it needs.
    """
    values = {_PART: msgspec.json.encode(part).decode(), _OBJECTS: json.dumps(objects)}
    if part.number == 1:
        names = dict.fromkeys(record.settings.environment, "")
        values[_RECORD] = encode_record(_with_environment(record, names)).decode()
    return [{"name": name, "value": value} for name, value in values.items()]


def record_of(job: Mapping[str, Any]) -> JobRecord | None:
    """The record of a submission, from its first part; None if the job is none of ours.

    :raises UnreadableRecord: if this version cannot read it.
    """
    text = _values(job).get(_RECORD)
    if text is None:
        return None
    record = decode_record(text, AzureBatchSettings)
    known = variables_of(job)
    environment = {name: known.get(name, "") for name in record.settings.environment}
    return _with_environment(record, environment)


def _with_environment(record: JobRecord, environment: dict[str, str]) -> JobRecord:
    settings = msgspec.structs.replace(record.settings, environment=environment)
    return msgspec.structs.replace(record, settings=settings)


def state_of(job: Mapping[str, Any]) -> str:
    """The state of a job, in lower case."""
    return lower(job["state"])


def part_in(job: Mapping[str, Any]) -> Part:
    """Which part of its submission a job is."""
    return msgspec.json.decode(_values(job)[_PART], type=Part)


def objects_of(job: Mapping[str, Any]) -> list[str]:
    """Blobs in the container of objects that a job needs."""
    return list(json.loads(_values(job).get(_OBJECTS, "[]")))


def variables_of(job: Mapping[str, Any]) -> dict[str, str]:
    """The environment variables that all of a job's tasks get."""
    return {
        setting["name"]: setting.get("value") or "" for setting in job.get("commonEnvironmentSettings") or ()
    }


def _values(job: Mapping[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in job.get("metadata") or ()}
