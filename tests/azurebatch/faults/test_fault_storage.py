"""Storage that is away for a while, results that are damaged on their way or for good."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.storage.blob import BlobClient

from remotebatch import FailureType, JobFailed, SubmissionEnvironment
from remotebatch.errors import ProviderUnavailable
from remotebatch_azurebatch.accounts import retries
from remotebatch_azurebatch.accounts.retries import AsyncBlobRetry, BlobRetry
from tests.azurebatch.faults.conftest import Account, Services
from tests.support.proxy import Proxy, broken_off, failing, shortened

TIMEOUT = 60.0
OUTAGE = 10.0  # seconds that every client is to outlast
POLICIES = BlobRetry(), AsyncBlobRetry()  # made with the real pauses, which the tests shorten
RESULTS = r"/(\$|%24)Results/"


@contextmanager
def down_for(proxy: Proxy, seconds: float) -> Iterator[None]:
    """The service is away from now on, for some seconds."""
    back = threading.Event()

    def stay_away() -> None:
        with proxy.down():
            back.wait(seconds)

    away = threading.Thread(target=stay_away)
    away.start()
    try:
        yield
    finally:
        back.set()
        away.join()


@pytest.mark.parametrize("policy", POLICIES, ids=["sync", "async"])
def test_a_blob_client_outlasts_an_outage(policy: BlobRetry) -> None:
    assert policy.total_retries == policy.connect_retries == policy.read_retries == policy.status_retries
    pauses = [policy.get_backoff_time({"count": tries + 1}) for tries in range(policy.total_retries)]
    assert OUTAGE < sum(pauses) < 9 * OUTAGE


def test_results_are_collected_though_storage_is_away_for_a_while(
    remote: SubmissionEnvironment, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.4)
    array = remote.map_submit(lambda number: number, range(5), chunksize=2).wait(TIMEOUT)
    with down_for(services.blobs, 0.8):
        assert array.results() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [1, 3])
def test_storage_that_stays_away_is_no_failure_of_the_job(
    remote: SubmissionEnvironment, services: Services, count: int
) -> None:
    array = remote.map_submit(abs, range(count)).wait(TIMEOUT)
    with services.blobs.down():
        with pytest.raises(ProviderUnavailable, match=r"Results/10000001' .* cannot be read: .*try again"):
            array.results()
        with pytest.raises(ProviderUnavailable, match="try again"):
            array.results(return_exceptions=True)
        with pytest.raises(ProviderUnavailable, match="try again"):
            array[0].result()
        assert array.succeeded
    assert array.results() == list(range(count))
    assert array[0].result() == 0


def test_an_outage_hides_no_reason(remote: SubmissionEnvironment, services: Services) -> None:
    array = remote.map_submit(lambda number: 1 // number, range(2)).wait(TIMEOUT)
    with services.blobs.down(), pytest.raises(ProviderUnavailable, match="try again"):
        print(array.status_reason)
    assert array[0].failure_type is FailureType.USER_EXCEPTION


@pytest.mark.parametrize("damage", [shortened(30), shortened(0), broken_off(30)])
def test_a_result_that_is_damaged_on_its_way_is_read_again(
    remote: SubmissionEnvironment, services: Services, damage: object
) -> None:
    array = remote.map_submit(abs, [-1, -2]).wait(TIMEOUT)
    services.blobs.order(damage, "GET", RESULTS)  # type: ignore[arg-type]
    assert array.results() == [1, 2]
    services.blobs.order(damage, "GET", RESULTS)  # type: ignore[arg-type]
    assert array[1].result() == 2
    assert services.blobs.orders == []


def test_a_result_that_is_damaged_for_good(
    remote: SubmissionEnvironment, services: Services, account_now: Account
) -> None:
    array = remote.map_submit(abs, [-1, -2]).wait(TIMEOUT)
    connection = services.emulator.storage_connection_string
    container = f"job-{array.provider_job_id}"
    with BlobClient.from_connection_string(connection, container, "$Results/10000001") as blob:
        blob.upload_blob(blob.download_blob().readall()[:-10], overwrite=True)
    first, second = array.results(return_exceptions=True)
    assert second == 2
    assert isinstance(first, JobFailed)
    assert first.failure_type is FailureType.RESULT_UNAVAILABLE
    assert "is damaged" in str(first)


def test_a_container_of_objects_that_is_being_deleted_holds_nothing(
    remote: SubmissionEnvironment, services: Services, account_now: Account
) -> None:
    services.blobs.order(failing(409, "ContainerBeingDeleted"), "PUT", "/remotebatch-objects/")
    with pytest.raises(ProviderUnavailable, match=r"ContainerBeingDeleted.*try again"):
        remote.submit(abs, -1)
    assert account_now.is_clean()
    assert remote.submit(abs, -1).result(TIMEOUT) == 1


def test_the_accounts_first_job_makes_the_container_of_objects(
    remote: SubmissionEnvironment, services: Services
) -> None:
    services.blobs.order(failing(404, "ContainerNotFound"), "PUT", "/remotebatch-objects/programs/")
    services.blobs.order(failing(503, "ServerBusy"), "PUT", r"/remotebatch-objects\?restype=container")
    assert remote.submit(abs, -1).result(TIMEOUT) == 1
    assert services.blobs.orders == []


def test_storage_that_cannot_be_reached_is_told_before_anything_is_made(
    remote: SubmissionEnvironment, services: Services
) -> None:
    remote.options()  # the pool has been looked at
    with services.blobs.down(), pytest.raises(ProviderUnavailable, match=r"container 'job-remotebatch-"):
        remote.submit(abs, -1)
    assert services.batch.count("POST", "/jobs") == 0
