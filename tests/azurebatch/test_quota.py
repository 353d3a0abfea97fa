"""The account has as many active jobs as it may."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from azurebatch_emulator import Emulator, Quotas, Timings
from remotebatch import ProviderError, SubmissionEnvironment
from remotebatch_azurebatch.batch import job_requests
from tests.azurebatch.conftest import POOL, variables
from tests.support.batch import connect, wait_for_nodes

TIMEOUT = 60.0


@pytest.fixture(scope="module")
def one_job_only(azurite: str) -> Iterator[Emulator]:
    with Emulator(
        storage_connection_string=azurite,
        runtime="process",
        timings=Timings(resize=0),
        quotas=Quotas(active_jobs=1),
        pool=POOL,
    ) as emulator:
        with connect(emulator) as client:
            wait_for_nodes(client, POOL, 1)
        yield emulator


@pytest.fixture
def full(one_job_only: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[SubmissionEnvironment]:
    for name, value in variables(one_job_only).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(job_requests, "_QUOTA_PAUSE", 0.1)
    environment = SubmissionEnvironment("AzureBatch", pool_id=POOL)
    yield environment
    environment.close()


def test_a_job_waits_for_its_turn_and_says_so(
    full: SubmissionEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    def sleep() -> None:
        import time

        time.sleep(1)

    first = full.submit(sleep)
    with caplog.at_level(logging.WARNING, "remotebatch"):
        second = full.submit(abs, -2)
    assert second.result(TIMEOUT) == 2
    assert first.succeeded
    assert caplog.messages == ["waiting: the account has as many active jobs as its quota allows"]


def test_or_is_refused_if_told_to_be(full: SubmissionEnvironment) -> None:
    def sleep() -> None:
        import time

        time.sleep(60)

    first = full.submit(sleep)
    before = containers(full)
    with pytest.raises(ProviderError, match=r"quota allows\. End some"):
        full.options(wait_for_quota=False).submit(abs, -2)
    assert len(containers(full)) == len(before)  # nothing of it is left
    first.abort().wait(TIMEOUT)


def containers(environment: SubmissionEnvironment) -> list[str]:
    client = environment._client.provider._store.client  # type: ignore[attr-defined]
    return [container.name for container in client.list_containers(name_starts_with="job-remotebatch-")]
