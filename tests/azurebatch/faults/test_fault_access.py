"""Wrong keys, wrong clocks, and access of the nodes that is over or denied."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from email.utils import formatdate

import httpx
import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient

from remotebatch import Command, FailureType, JobFailed, SubmissionEnvironment
from remotebatch.errors import ProviderError
from tests.azurebatch.faults.conftest import Account, Services
from tests.support.batch import Gate, wait_for, wait_for_job
from tests.support.proxy import Answer, Forward, Request, Treatment, failing

TIMEOUT = 60.0
OTHER_KEY = base64.b64encode(b"another key").decode()
MAKING = r"^/jobs\?"
RETRY_HELPS = r"its access to storage expired, .* retry\(\) gives it new access"


@pytest.fixture
def storage(services: Services) -> Iterator[BlobServiceClient]:
    """The storage account, past the proxy."""
    with BlobServiceClient.from_connection_string(services.emulator.storage_connection_string) as storage:
        yield storage


def late(seconds: float) -> Treatment:
    """Pass a request on after a while."""

    def treat(_: Request, forward: Forward) -> Answer:
        time.sleep(seconds)
        return forward()

    return treat


def expire(services: Services, container: str) -> None:
    """From now on, what the nodes have been given for a container does not count."""
    order = {"container": container}
    httpx.post(f"{services.emulator.endpoint}/control/expiresas", json=order).raise_for_status()


# Keys and clocks


def test_a_wrong_key_of_the_batch_account(services: Services, account_now: Account) -> None:
    credential = AzureNamedKeyCredential(services.emulator.account, OTHER_KEY)
    environment = services.environment(credential=credential)
    with pytest.raises(ProviderError, match=r"pool 'pool' .*AuthenticationFailed.*Check the key") as caught:
        environment.submit(abs, -1)
    environment.close()
    assert OTHER_KEY not in str(caught.value)
    assert account_now.is_clean()


def test_a_wrong_key_of_the_storage_account(services: Services, account_now: Account) -> None:
    name, _, _ = services.storage.partition("AccountKey=")
    storage = f"{name}AccountKey={OTHER_KEY};BlobEndpoint={services.blobs.url};"
    environment = services.environment(storage=storage)
    with pytest.raises(ProviderError, match=r"in account .*: Auth.*Check the key") as caught:
        environment.submit(abs, -1)
    environment.close()
    assert OTHER_KEY not in str(caught.value)
    assert account_now.is_clean()


@pytest.mark.parametrize(("service", "doing"), [("batch", "pool 'pool'"), ("blobs", "in account")])
@pytest.mark.parametrize(("minutes", "direction"), [(-20, "20 minutes ahead of"), (35, "35 minutes behind")])
def test_a_clock_that_is_wrong(
    remote: SubmissionEnvironment,
    services: Services,
    account_now: Account,
    service: str,
    doing: str,
    minutes: int,
    direction: str,
) -> None:
    date = formatdate(time.time() + 60 * minutes, usegmt=True)
    getattr(services, service).order(failing(403, "AuthenticationFailed", Date=date))
    with pytest.raises(ProviderError, match=f"{doing}.*The clock of this machine is {direction} Azure's"):
        remote.submit(abs, -1)
    assert account_now.is_clean()


# Access that is over. A job that is made late has nodes that come too late.


def test_nodes_that_come_too_late_to_fetch(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient
) -> None:
    services.batch.order(late(2.1), "POST", MAKING)
    job = remote.options(sas_lifetime=2).submit(abs, -1).wait(TIMEOUT)
    assert job.failure_type is FailureType.ACCESS_EXPIRED
    with pytest.raises(JobFailed, match=RETRY_HELPS):
        job.result()
    wait_for_job(direct, job.provider_job_id)


def test_tasks_that_end_too_late_to_store(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient
) -> None:
    services.batch.order(late(2.1), "POST", MAKING)
    job = remote.options(sas_lifetime=2).submit(Command(["true"])).wait(TIMEOUT)
    assert (job.failure_type, job.exit_code) == (FailureType.ACCESS_EXPIRED, 0)
    with pytest.raises(JobFailed, match=RETRY_HELPS):
        job.result()
    wait_for_job(direct, job.provider_job_id)


def test_a_job_whose_time_is_over_ends_with_all_of_its_tasks(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, gate: Gate
) -> None:
    limited = remote.options(sas_lifetime=1.5, vcpu_count=4)
    array = limited.map_submit([Command(["sh", "-c", gate.script()])] * 2).wait(TIMEOUT)
    assert [child.failure_type for child in array] == [FailureType.ACCESS_EXPIRED] * 2
    with pytest.raises(JobFailed, match=RETRY_HELPS):
        array[0].result()
    with pytest.raises(JobFailed, match=RETRY_HELPS):
        array[1].result()
    gate.open()
    wait_for_job(direct, array.provider_job_id)


def test_a_retry_gives_new_access(remote: SubmissionEnvironment, services: Services, gate: Gate) -> None:
    job = remote.options(sas_lifetime=1.5).submit(Command(["sh", "-c", gate.script("echo done")]))
    assert job.wait(TIMEOUT).failure_type is FailureType.ACCESS_EXPIRED
    gate.open()
    assert job.retry().result(TIMEOUT).stdout == "done\n"


# Access that is denied before its time


def test_a_node_that_may_not_fetch(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient
) -> None:
    def treat(_: Request, forward: Forward) -> Answer:
        containers = [r.path for r in services.blobs.requests if "restype=container" in r.path]
        expire(services, containers[-1].split("/")[-1].partition("?")[0])
        return forward()

    services.batch.order(treat, "POST", MAKING)
    job = remote.submit(len, bytes(8192)).wait(TIMEOUT)
    assert job.failure_type is FailureType.INPUT_UNAVAILABLE
    assert "its nodes cannot be prepared: BlobAccessDenied" in str(job.status_reason)
    assert "$Inputs/inputs" in str(job.status_reason)
    assert "?" not in str(job.status_reason)
    info = wait_for_job(direct, job.provider_job_id).execution_info
    assert info is not None
    assert info.termination_reason


def test_a_node_that_may_not_store(remote: SubmissionEnvironment, services: Services, gate: Gate) -> None:
    job = remote.submit(Command(["sh", "-c", gate.script()]))
    wait_for(lambda: str(job.status) == "Running")
    expire(services, f"job-{job.provider_job_id}")
    gate.open()
    job.wait(TIMEOUT)
    assert (job.failure_type, job.exit_code) == (FailureType.UPLOAD_FAILED, 0)
    assert "FileUploadAccessDenied" in str(job.status_reason)


def test_a_program_that_is_gone_ends_the_job(
    remote: SubmissionEnvironment, services: Services, direct: BatchClient, storage: BlobServiceClient
) -> None:
    def treat(_: Request, forward: Forward) -> Answer:
        stored = next(r.path for r in services.blobs.requests if "/programs/" in r.path)
        name = stored.partition("/remotebatch-objects/")[2]
        storage.get_blob_client("remotebatch-objects", name).delete_blob()
        return forward()

    services.batch.order(treat, "POST", MAKING)
    unlike_any_other = str(time.time())
    array = remote.map_submit(lambda number: (number, unlike_any_other), range(3)).wait(TIMEOUT)
    assert {child.failure_type for child in array} == {FailureType.INPUT_UNAVAILABLE}
    assert "its nodes cannot be prepared: BlobNotFound" in str(array[2].status_reason)
    wait_for_job(direct, array.provider_job_id)
