"""What becomes of each setting at Azure Batch."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.identity import DefaultAzureCredential

from remotebatch import CannotSend, Command, InvalidSetting, SubmissionEnvironment
from remotebatch.packing.call import pack_call
from remotebatch.provider import JobRecord, Submission
from remotebatch.status import JobType
from remotebatch_azurebatch.accounts.connection import StorageAccount
from remotebatch_azurebatch.batch.parts import part_of
from remotebatch_azurebatch.settings import AzureBatchProperties, AzureBatchSettings
from remotebatch_azurebatch.submission.access import Access, check_lifetime
from remotebatch_azurebatch.submission.plan import JobPlan
from remotebatch_azurebatch.submission.submitter import default_image
from tests.support.requests import counted

TIMEOUT = 60.0
IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"


def job_of(env: SubmissionEnvironment, azure_id: str) -> dict[str, Any]:
    """The Azure job as Azure describes it."""
    return dict(env._client.provider._client.get_job(azure_id).as_dict())  # type: ignore[attr-defined]


def task_of(env: SubmissionEnvironment, azure_id: str, task_id: str = "10000000") -> dict[str, Any]:
    return dict(env._client.provider._client.get_task(azure_id, task_id).as_dict())  # type: ignore[attr-defined]


def test_priority_slots_limits_and_retries(processes: SubmissionEnvironment) -> None:
    job = processes.options(
        job_priority=-0.5,
        vcpu_count=2,
        time_constraint=timedelta(minutes=2),
        max_retries=3,
        sas_lifetime=3600,
    ).submit(abs, -1)
    azure_job, task = job_of(processes, job.provider_job_id), task_of(processes, job.provider_job_id)
    assert azure_job["priority"] == -500
    assert azure_job["constraints"]["maxWallClockTime"] == "PT1H"
    assert azure_job["onAllTasksComplete"] == "terminatejob"
    assert task["requiredSlots"] == 2
    assert task["constraints"]["maxTaskRetryCount"] == 3
    assert task["constraints"]["maxWallClockTime"] == "PT2M"
    assert task["containerSettings"]["imageName"] == default_image()
    assert job.settings["container_image"] == default_image()
    assert job.result(TIMEOUT) == 1


def test_gpus_and_run_options_go_to_the_container(processes: SubmissionEnvironment) -> None:
    environment = processes.options(container_run_options="--shm-size 64m")
    job = environment.submit(abs, 1)
    options = task_of(processes, job.provider_job_id)["containerSettings"]["containerRunOptions"]
    assert options == "--shm-size 64m"
    plan = plan_of(processes, gpu_count=2, container_run_options="--shm-size 64m")
    assert plan.task(0, 0)["containerSettings"]["containerRunOptions"] == "--shm-size 64m --gpus 2"


def test_a_lifetime_that_nobody_signs_for_is_refused() -> None:
    account = StorageAccount("https://a.blob.core.windows.net", DefaultAzureCredential())
    with pytest.raises(InvalidSetting, match="signs for 7 days at most"):
        check_lifetime(account, AzureBatchSettings(sas_lifetime=timedelta(days=8)))
    check_lifetime(account, AzureBatchSettings(sas_lifetime=timedelta(days=7)))
    check_lifetime(account, AzureBatchSettings(sas_lifetime=timedelta(days=8), storage_identity=IDENTITY))


def test_a_managed_identity_takes_the_place_of_signatures(processes: SubmissionEnvironment) -> None:
    plan = plan_of(processes, storage_identity=IDENTITY, registry={"server": "r.io", "identity": IDENTITY})
    job, task = plan.job(part_of(1, {0: 0}), "pool"), plan.task(0, 0)
    said = json.dumps([job, task])
    assert "sig=" not in said
    assert "constraints" not in job  # what does not expire need not end
    reference = {"resourceId": IDENTITY}
    assert {
        file["identityReference"]["resourceId"] for file in job["jobPreparationTask"]["resourceFiles"]
    } == {IDENTITY}
    assert all(
        output["destination"]["container"]["identityReference"] == reference for output in task["outputFiles"]
    )
    registry = task["containerSettings"]["registry"]
    assert registry == {"registryServer": "r.io", "identityReference": reference}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"registry": {"server": "r.io"}}, "registry: give either user or identity"),
        ({"registry": {"user": "me"}}, "registry"),
        ({"node_fill": "tight"}, "node_fill='tight'"),
        ({"environment": {"AZ_BATCH_TASK_ID": "1"}}, "'AZ_BATCH_TASK_ID': names with AZ_BATCH_"),
        ({"input_files": {"a": b"", "a/b": b""}}, "'a' is a file, so 'a/b' cannot lie in it"),
        ({"input_files": {"a/b": b"", "a//b": b""}}, "'a/b' and 'a//b' have a file in the same place"),
        ({"sas_lifetime": 0}, "sas_lifetime=0: expected a number greater than 0"),
    ],
)
def test_bad_settings_are_refused(
    processes: SubmissionEnvironment, setting: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidSetting, match=message):
        processes.options(**setting)


def test_preparation_and_files_reach_the_node_once(processes: SubmissionEnvironment, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(bytes(1_000_000))
    environment = processes.options(
        input_files={"data/large.bin": tmp_path / "large.bin"},
        job_preparation="echo prepared >> note.txt; echo 'it''s' done",
    )

    def look(_: int) -> tuple[int, str]:
        import os

        with open(os.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"] + "/note.txt") as note:
            return os.path.getsize("data/large.bin"), note.read()

    array = environment.map_submit(look, range(4))
    assert array.results(TIMEOUT) == [(1_000_000, "prepared\n")] * 4
    task = task_of(processes, array.provider_job_id, "10000002")
    assert "resourceFiles" not in task
    with counted() as again:
        environment.map_submit(look, range(4)).wait(TIMEOUT)
    assert again.count("PUT", "/remotebatch-objects/") == 0


def test_a_task_may_change_its_input_files(processes: SubmissionEnvironment) -> None:
    def change(_: int) -> str:
        with open("shared.txt", "r+") as file:
            before = file.read()
            file.write("!")
        return before

    array = processes.options(input_files={"shared.txt": b"as given"}).map_submit(change, range(3))
    assert array.results(TIMEOUT) == ["as given"] * 3


def test_values_of_variables_are_not_in_the_metadata(processes: SubmissionEnvironment) -> None:
    def read() -> str:
        import os

        return os.environ["TOKEN"]

    job = processes.options(environment={"TOKEN": "for the task alone"}).submit(read)
    assert job.result(TIMEOUT) == "for the task alone"
    assert "for the task alone" not in json.dumps(job_of(processes, job.provider_job_id)["metadata"])
    other = SubmissionEnvironment("AzureBatch", pool_id="pool")
    attached = other.job(job.id)
    assert attached.settings["environment"] == {"TOKEN": "for the task alone"}
    other.close()


def plan_of(environment: SubmissionEnvironment, gpu_count: int = 0, **settings: Any) -> JobPlan:
    """What would be sent for a single call with those settings."""
    provider: Any = environment._client.provider
    # preflight would refuse GPUs on this pool
    chosen = msgspec.structs.replace(environment.options(**settings).settings, gpu_count=gpu_count)
    assert isinstance(chosen, AzureBatchSettings)
    function, packed = pack_call(abs, [((1,), {})])
    with closing(packed) as inputs:
        submission = Submission(
            id="00000000-0000-0000-0000-000000000000",
            type=JobType.SINGLE,
            name="abs",
            settings=chosen,
            inputs=inputs,
            chunksize=1,
            function=function,
        )
        record: JobRecord = provider._submitter._record(submission, chosen)
    signer = provider._submitter._signer
    access = Access(provider.connection.storage, signer, 3600.0, chosen.storage_identity)
    return JobPlan(record, access, program="0" * 64, code=[], inline_inputs=None, registry_password=None)


def test_a_command_that_is_too_long_is_refused(processes: SubmissionEnvironment) -> None:
    with pytest.raises(CannotSend, match=r"command 1 has over 120,000 bytes"):
        processes.map_submit([Command(["true"]), Command(["echo", "x" * 200_000])])


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"pool_id": []}, r"pool_id=\[\]: expected a non-empty string or a list"),
        (
            {"pool_id": "p", "pol_interval": 1},
            "unknown property 'pol_interval'; did you mean 'poll_interval'",
        ),
        (
            {
                "pool_id": "p",
                "batch_endpoint": "https://a.westeurope.batch.azure.com",
                "credential": AzureNamedKeyCredential("a", "not base64!"),
                "storage": "UseDevelopmentStorage=true",
            },
            "credential",
        ),
    ],
)
def test_bad_properties_are_refused(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        SubmissionEnvironment("AzureBatch", **properties)


def test_a_pool_that_is_named_twice_counts_once() -> None:
    assert AzureBatchProperties(pool_id=["p", "q", "p"]).pools == ["p", "q"]
