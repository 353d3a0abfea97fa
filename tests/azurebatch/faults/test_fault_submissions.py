"""Submissions that are refused: the reason is given, and nothing is left."""

from __future__ import annotations

import pytest

from remotebatch import Command, SubmissionEnvironment
from remotebatch.errors import ProviderError
from tests.azurebatch.faults.conftest import Account, Services
from tests.azurebatch.faults.test_fault_requests import KINDS
from tests.support.proxy import failing

SUBMITTING = [kind for kind in KINDS if kind not in ("list the tasks", "read a result")]


@pytest.mark.parametrize("kind", SUBMITTING)
def test_a_submission_one_of_whose_requests_is_refused(
    remote: SubmissionEnvironment, services: Services, account_now: Account, kind: str
) -> None:
    wanted = KINDS[kind]
    getattr(services, wanted.service).order(failing(400, "InvalidValue"), wanted.method, wanted.path)
    with pytest.raises(ProviderError, match="InvalidValue"):
        remote.map_submit(len, [bytes(8192)] * 3)
    assert account_now.is_clean()


def test_what_cannot_be_removed_is_told_beside_what_went_wrong(
    remote: SubmissionEnvironment,
    services: Services,
    account_now: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    services.batch.order(failing(400, "InvalidValue"), "POST", "/addtaskcollection")
    services.batch.order(failing(403, "PermissionDenied"), "DELETE", "^/jobs/")
    with pytest.raises(ProviderError, match="InvalidValue"):
        remote.map_submit([Command(["sleep", "60"])] * 2)
    (message,) = [record.getMessage() for record in caplog.records if record.name == "remotebatch"]
    assert "was not removed whole" in message
    assert "PermissionDenied" in message
    remote.job(message.split()[1].removeprefix("remotebatch-")).delete()
    assert account_now.is_clean()
