"""Stored records stay readable; what cannot be read is refused in words."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from remotebatch.provider import JobRecord, UnreadableRecord, decode_record, encode_record
from remotebatch.provider.records import RECORD_VERSION
from remotebatch.settings import JobSettings
from remotebatch.status import JobType
from remotebatch_local import LocalSettings

# as it was written before records had a version: settings in a plain dict, digests of input files in it
VERSION_1: dict[str, Any] = {
    "id": "5a3cbe0a-2f7a-4a5e-9d77-3f0f1d4a1a11",
    "provider_job_id": "5a3cbe0a-2f7a-4a5e-9d77-3f0f1d4a1a11",
    "name": "sweep",
    "type": "Array",
    "submitted_at": 1790000000.5,
    "submitted_by": "ada@lab",
    "settings": {
        "vcpu_count": 2,
        "job_priority": 0.5,
        "container_image": None,
        "time_constraint": 90.0,
        "max_retries": 1,
        "input_files": {"data.csv": "0123abcd"},
        "environment": {"SEED": "7"},
        "name": None,
        "gpu_count": 0,
        "include_definitions": True,
        "memory_limit": None,
        "network": None,
    },
    "element_count": 10,
    "chunksize": 3,
    "function": "f00d",
    "kernel": "beef",
    "base_environment": {"PATH": "/usr/bin"},
    "python": "/usr/bin/python3",
    "preload": ["numpy"],
}


def record(**changes: Any) -> JobRecord:
    settings = LocalSettings(vcpu_count=2, time_constraint=90.0, environment={"SEED": "7"})
    known: dict[str, Any] = {
        "id": "an id",
        "provider_job_id": "an id",
        "name": "sweep",
        "type": JobType.ARRAY,
        "submitted_at": 1.5,
        "submitted_by": "ada@lab",
        "settings": settings,
        "input_files": {"data.csv": "0123abcd"},
        "element_count": 10,
        "chunksize": 3,
    }
    return JobRecord(**known | changes)


def test_a_record_comes_back_as_it_was() -> None:
    assert decode_record(encode_record(record()), LocalSettings) == record()


def test_a_record_of_version_1_is_read() -> None:
    read = decode_record(json.dumps(VERSION_1), LocalSettings)
    assert read.version == RECORD_VERSION
    assert read.settings == LocalSettings(
        vcpu_count=2, job_priority=0.5, time_constraint=90.0, max_retries=1, environment={"SEED": "7"}
    )
    assert read.settings.seed is None
    assert read.input_files == {"data.csv": "0123abcd"}
    assert read.task_count == 4
    assert read.settings_in_force()["input_files"] == {"data.csv": "0123abcd"}


@pytest.mark.parametrize("version", [None, RECORD_VERSION])
@pytest.mark.parametrize("missing", ["network", "gpu_count", "max_retries", "include", "exclude"])
def test_a_setting_that_a_record_lacks_has_its_default(version: int | None, missing: str) -> None:
    plain: dict[str, Any] = VERSION_1 if version is None else json.loads(encode_record(record()))
    settings = {name: value for name, value in plain["settings"].items() if name != missing}
    read = decode_record(json.dumps({**plain, "settings": settings}), LocalSettings)
    assert getattr(read.settings, missing) == getattr(LocalSettings(), missing)


def test_a_record_of_a_newer_version_is_refused_in_words() -> None:
    newer = json.loads(encode_record(record())) | {"version": RECORD_VERSION + 1, "unheard": "of"}
    with pytest.raises(UnreadableRecord, match=r"job an id was recorded by a newer version .* upgrade"):
        decode_record(json.dumps(newer), LocalSettings)


def test_a_setting_that_is_not_known_here_is_refused_in_words() -> None:
    newer = json.loads(encode_record(record()))
    newer["settings"]["quantum"] = True
    with pytest.raises(UnreadableRecord, match=r"job an id cannot be read: .*quantum"):
        decode_record(json.dumps(newer), LocalSettings)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"id": 5}',
        b'{"id": "x", "settings": []}',
        b'{"id": "x", "settings": null, "version": 2}',
        b'{"id": "x", "settings": {}, "version": "two"}',
        encode_record(record())[:-20],
        encode_record(record()).replace(b'"Array"', b'"Cloud"'),
    ],
)
def test_a_garbled_record_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(UnreadableRecord):
        decode_record(data, LocalSettings)


def test_durations_are_stored_in_seconds_and_files_by_their_digest() -> None:
    from remotebatch.packing.inputs import Inputs
    from remotebatch.provider import Submission
    from remotebatch.provider.recording import record_of

    class Settings(JobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        patience: timedelta | float = timedelta(minutes=2)

    settings = Settings(time_constraint=timedelta(minutes=1), input_files={"a": b"content"})
    inputs = Inputs()
    submission = Submission("an id", JobType.SINGLE, "name", settings, inputs, 1, None)
    made = record_of(submission, "its id", lambda content: "digest of it")
    inputs.close()
    assert made.input_files == {"a": "digest of it"}
    assert made.settings == msgspec.structs.replace(
        settings, time_constraint=60.0, patience=120.0, input_files={}, seed=made.settings.seed
    )
    assert made.settings.seed is not None
    assert decode_record(encode_record(made), Settings) == made
