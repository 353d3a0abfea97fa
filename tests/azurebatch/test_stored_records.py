"""Jobs that other versions have stored: those of earlier ones are read, those of newer ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import pytest

from remotebatch import ProviderError, SubmissionEnvironment
from remotebatch.provider import JobRecord, UnreadableRecord, encode_record
from remotebatch.status import JobType
from remotebatch_azurebatch.batch import metadata
from remotebatch_azurebatch.batch.parts import Span
from remotebatch_azurebatch.settings import AzureBatchSettings, settings_of

TIMEOUT = 60.0
ID = "00000000-0000-4000-8000-000000000000"
VERSION_1 = (
    f'{{"id":"{ID}","provider_job_id":"remotebatch-{ID}","name":"f","type":"Array",'
    '"submitted_at":1767225600.0,"submitted_by":"user@host","settings":{"vcpu_count":2,"job_priority":0.0,'
    '"container_image":"python:3.12-slim","time_constraint":600.0,"max_retries":0,'
    '"input_files":{"table.csv":"abc123"},"environment":{"MODE":""},"name":null,"gpu_count":0,'
    '"include_definitions":true,"container_run_options":null,"registry":null,"job_preparation":null,'
    '"storage_identity":null,"sas_lifetime":604800.0,"node_fill":null,"wait_for_quota":true},'
    '"element_count":3,"chunksize":1,"function":"f00d","kernel":"beef","base_environment":{},"python":null,'
    '"preload":["numpy"]}'
)
"""What version 1 wrote: no version, and the digests of input files among the settings."""


def stored_as(change: Callable[[dict[str, Any]], dict[str, Any]]) -> AbstractContextManager[Any]:
    """Jobs that are submitted meanwhile are stored with a changed record."""

    def encode(record: JobRecord) -> bytes:
        return json.dumps(change(json.loads(encode_record(record)))).encode()

    return mock.patch.object(metadata, "encode_record", encode)


def as_version_1(fields: dict[str, Any]) -> dict[str, Any]:
    settings = fields["settings"] | {"input_files": fields["input_files"]}
    unknown = {"version", "input_files", "integrity_key", "objects"}
    del settings["node_fill"]  # as if it was added since
    return {name: value for name, value in fields.items() if name not in unknown} | {"settings": settings}


def azure_job(record: str) -> dict[str, Any]:
    """An Azure job with the metadata that version 1 wrote."""
    values = {
        "remotebatch.part": '{"number":1,"spans":[[0,3,0]],"expires":null}',
        "remotebatch.objects": '["files/abc123", "programs/f00d"]',
        "remotebatch": record,
    }
    return {
        "id": f"remotebatch-{ID}",
        "state": "completed",
        "metadata": [{"name": name, "value": value} for name, value in values.items()],
        "commonEnvironmentSettings": [{"name": "MODE", "value": "fast"}],
    }


def test_what_version_1_wrote_is_read() -> None:
    job = azure_job(VERSION_1)
    record = metadata.record_of(job)
    assert record is not None
    assert (record.type, record.task_count, record.preload) == (JobType.ARRAY, 3, ["numpy"])
    assert record.input_files == {"table.csv": "abc123"}
    assert settings_of(record) == AzureBatchSettings(
        vcpu_count=2,
        container_image="python:3.12-slim",
        time_constraint=600.0,
        environment={"MODE": "fast"},
        sas_lifetime=604800.0,
    )
    assert metadata.part_in(job).spans == [Span(0, 3)]
    assert metadata.objects_of(job) == ["files/abc123", "programs/f00d"]


def test_settings_that_were_added_since_have_their_defaults() -> None:
    fields = json.loads(VERSION_1)
    for name in ("wait_for_quota", "node_fill", "sas_lifetime", "gpu_count"):
        del fields["settings"][name]
    record = metadata.record_of(azure_job(json.dumps(fields)))
    assert record is not None
    settings = settings_of(record)
    assert (settings.wait_for_quota, settings.node_fill, settings.gpu_count) == (True, None, 0)
    assert settings.sas_lifetime_seconds == 7 * 24 * 3600


def test_a_job_of_version_1_is_attached_to_and_retried(
    processes: SubmissionEnvironment, elsewhere: SubmissionEnvironment
) -> None:
    def read(name: str) -> str:
        with open(name) as file:
            return file.read()

    with_file = processes.options(input_files={"there.txt": b"there"}, environment={"MODE": "fast"})
    with stored_as(as_version_1):
        array = with_file.map_submit(read, ["there.txt", "missing.txt"])
    attached: Any = elsewhere.job(array.id).wait(TIMEOUT)
    assert attached[0].result() == "there"
    assert attached.settings["environment"] == {"MODE": "fast"}
    assert list(attached.settings["input_files"]) == ["there.txt"]
    assert attached.retry().wait(TIMEOUT).child_statuses == array.wait(TIMEOUT).child_statuses
    assert attached[1].attempts == 2
    attached.delete()


def test_a_newer_job_is_refused_in_words_and_the_others_are_listed(
    processes: SubmissionEnvironment, elsewhere: SubmissionEnvironment
) -> None:
    before = processes.submit(abs, -1)
    with stored_as(lambda fields: fields | {"version": 99}):
        newer = processes.submit(abs, -2)
    with pytest.raises(UnreadableRecord, match=rf"job {newer.id} was recorded by a newer version.*upgrade"):
        elsewhere.job(newer.id)
    with pytest.warns(UserWarning, match=rf"job {newer.id} was recorded by a newer version"):
        listed = [job.id for job in elsewhere.jobs()]
    assert before.id in listed
    assert newer.id not in listed
    assert newer.result(TIMEOUT) == 2  # the process that submitted it goes on
    newer.delete()
    before.delete()


def test_a_damaged_record_is_refused_in_words() -> None:
    with pytest.raises(ProviderError, match="damaged"):
        metadata.record_of(azure_job("{"))
