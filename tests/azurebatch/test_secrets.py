"""Where secrets are, and where they are not."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from azure.identity import DefaultAzureCredential

from azurebatch_emulator import Emulator
from remotebatch import SubmissionEnvironment
from remotebatch_azurebatch.accounts import credentials
from remotebatch_azurebatch.accounts.connection import StorageAccount
from remotebatch_azurebatch.submission.access import Access, Signer

TIMEOUT = 60.0
_MAY_HAVE_SIGNATURES = {"resourceFiles", "outputFiles"}


def _texts(item: Any, under: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(item, dict):
        for name, value in item.items():
            yield from _texts(value, (*under, name))
    elif isinstance(item, list):
        for value in item:
            yield from _texts(value, under)
    elif isinstance(item, str):
        yield under, item


def _command_lines() -> str:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return "\n".join(lines)


def test_signatures_are_only_where_nodes_look_for_them_and_keys_nowhere(
    processes: SubmissionEnvironment, processes_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    def see() -> str:
        import os
        import time

        time.sleep(1)
        return repr(dict(os.environ))

    storage_key = re.search("AccountKey=([^;]+)", processes_emulator.storage_connection_string)
    assert storage_key is not None
    keys = (processes_emulator.key, storage_key[1])
    with caplog.at_level(logging.DEBUG, "remotebatch"):
        array = processes.map_submit(lambda _: see(), range(3))
        next(array.as_completed(TIMEOUT))
        running = _command_lines()
        seen = array.results(TIMEOUT)
    client: Any = processes._client.provider._client  # type: ignore[attr-defined]
    answers = [client.get_job(array.provider_job_id).as_dict()]
    answers += [task.as_dict() for task in client.list_tasks(array.provider_job_id)]
    found = list(_texts(answers))
    assert any("sig=" in text for _, text in found)
    assert [where for where, text in found if "sig=" in text and not _MAY_HAVE_SIGNATURES & set(where)] == []
    said = "\n".join([*seen, *caplog.messages, repr(array), repr(processes), str(array.properties())])
    for key in keys:
        assert key not in json.dumps(answers)
        assert key not in said
    assert "sig=" not in said
    assert "sig=" not in running


def test_a_registrys_password_is_with_its_image_alone(
    processes: SubmissionEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "registry_password", lambda server, user: f"password of {user}")
    environment = processes.options(registry={"server": "registry.example", "user": "me"})
    job = environment.submit(abs, -1)
    client: Any = processes._client.provider._client  # type: ignore[attr-defined]
    azure_job = client.get_job(job.provider_job_id).as_dict()
    assert azure_job["jobManagerTask"]["containerSettings"]["registry"]["username"] == "me"
    kept = [text for where, text in _texts(azure_job) if "password of me" in text and "registry" not in where]
    assert kept == []
    assert "password of me" not in repr([job, job.properties(), environment.settings])
    assert job.result(TIMEOUT) == 1


class _Lender:
    """Stands for the service that lends keys: what it would be asked for is all that matters."""

    def __init__(self) -> None:
        self.asked: list[timedelta] = []

    def get_user_delegation_key(self, start: datetime, expiry: datetime) -> Any:
        self.asked.append(expiry - start)
        return object()


def test_what_is_signed_with_a_lent_key_lasts_no_longer_than_the_key() -> None:
    account = StorageAccount("https://a.blob.core.windows.net", DefaultAzureCredential())
    lender: Any = _Lender()
    signer = Signer(account, lender)
    week = timedelta(days=7)
    first, second = (Access(account, signer, week.total_seconds()) for _ in range(2))
    assert first.expires == second.expires
    assert first.expires is not None
    left = datetime.fromtimestamp(first.expires, timezone.utc) - datetime.now(timezone.utc)
    assert week - timedelta(hours=1) < left < week
    assert first.seconds < week.total_seconds()
    assert Access(account, signer, 3600).seconds == 3600
    assert len(lender.asked) == 1  # one key serves as long as it lasts
    assert lender.asked[0] < week
