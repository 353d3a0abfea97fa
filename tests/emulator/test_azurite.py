"""Azurite: found or installed, started, and ended with the process that started it."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import BlobServiceClient

from azurebatch_emulator.process.addresses import PortTaken, free_ports
from azurebatch_emulator.process.azurite import Azurite, azurite_program, connection_string
from azurebatch_emulator.process.certificate import make_certificate
from remotebatch.errors import ProviderError
from tests.support.processes import await_end

pytestmark = pytest.mark.azurite

_KILLED_PARENT = """
import os, signal, sys
from azure.storage.blob import BlobServiceClient
from azurebatch_emulator.process.azurite import Azurite
location, *ports = sys.argv[1:]
with Azurite(location, ports) as azurite:
    service = BlobServiceClient.from_connection_string(azurite.connection_string)
    service.create_container("kept").upload_blob("blob", b"content")
    print(azurite.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_all_three_services_answer(azurite: str) -> None:
    settings = dict(part.split("=", 1) for part in azurite.strip(";").split(";"))
    for service in ("Blob", "Queue", "Table"):
        host, port = settings[f"{service}Endpoint"].removeprefix("http://").split("/")[0].split(":")
        with socket.create_connection((host, int(port)), timeout=10):
            pass


def test_what_is_stored_is_there_when_it_is_started_again(tmp_path: Path) -> None:
    ports = free_ports(3)
    with Azurite(str(tmp_path), ports) as azurite:
        _service(azurite).create_container("kept").upload_blob("blob", b"content")
    with Azurite(str(tmp_path), ports) as azurite:
        assert _content(azurite) == b"content"


def test_it_ends_with_a_killed_parent_and_saves_what_is_stored(tmp_path: Path) -> None:
    ports = free_ports(3)
    arguments = [sys.executable, "-c", _KILLED_PARENT, str(tmp_path), *map(str, ports)]
    parent = subprocess.run(arguments, stdout=subprocess.PIPE, text=True)
    await_end([int(parent.stdout)])
    with Azurite(str(tmp_path), ports) as azurite:
        assert _content(azurite) == b"content"


def test_bearer_tokens_are_taken_over_https(tmp_path: Path) -> None:
    certificate = make_certificate(str(tmp_path / "certificate"), "127.0.0.1")
    with Azurite(str(tmp_path / "azurite"), free_ports(3), certificate=certificate) as azurite:
        by_key = _service(azurite, connection_verify=certificate.authority)
        by_key.create_container("kept")
        by_token = BlobServiceClient(
            by_key.url, credential=_AnyToken(), connection_verify=certificate.authority
        )
        assert [container.name for container in by_token.list_containers()] == ["kept"]
        now = datetime.now(timezone.utc)
        assert by_token.get_user_delegation_key(now, now + timedelta(hours=1)).value


def test_the_authority_is_made_once_and_its_certificates_name_the_address(tmp_path: Path) -> None:
    first = make_certificate(str(tmp_path), "127.0.0.1")
    authority, server = Path(first.authority).read_text(), Path(first.server).read_text()
    second = make_certificate(str(tmp_path), "10.1.2.3")
    assert Path(second.authority).read_text() == authority
    assert Path(second.server).read_text() != server
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_taken_port_is_refused(tmp_path: Path, azurite: str) -> None:
    taken = int(azurite.split("BlobEndpoint=http://127.0.0.1:")[1].split("/")[0])
    with pytest.raises(PortTaken, match=f"port {taken} of 127.0.0.1, for Azurite, is taken"):
        Azurite(str(tmp_path), [taken, *free_ports(2)]).__enter__()


def test_connection_strings_name_an_address_that_can_be_reached() -> None:
    assert "BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;" in connection_string([1, 2, 3], "0.0.0.0")
    assert "TableEndpoint=https://[::1]:3/" in connection_string([1, 2, 3], "::", https=True)


def test_one_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _broken_azurite(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert azurite_program() == program


def test_one_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _broken_azurite(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ProviderError, match="Azurite did not start: it is broken"):
        Azurite(str(tmp_path / "data"), free_ports(3)).__enter__()


def test_without_npm_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ProviderError, match="apt-get install nodejs npm"):
        azurite_program()


def test_a_failed_installation_leaves_nothing_that_looks_like_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{free_ports(1)[0]}/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(ProviderError, match="npm could not install azurite@"):
        azurite_program()
    assert "Installing azurite@" in capsys.readouterr().err
    assert [path.suffix for path in (tmp_path / "remotebatch").iterdir()] == [".lock"]


class _AnyToken:
    """A token that Azurite takes: it checks all but the signature."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        expires = int(time.time()) + 3600
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "iat": expires - 7200,
            "nbf": expires - 7200,
            "exp": expires,
            "oid": "23657296-5cd5-45b0-a809-d972a7f4dfe1",
            "tid": "dd0d0df1-06c3-436c-8034-4b9a153097ce",
        }
        parts = ({"alg": "HS256", "typ": "JWT"}, claims)
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return AccessToken(".".join([*encoded, "c2ln"]), expires)


def _service(azurite: Azurite, **options: Any) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(azurite.connection_string, **options)


def _content(azurite: Azurite) -> bytes:
    content: bytes = _service(azurite).get_blob_client("kept", "blob").download_blob().readall()
    return content


def _broken_azurite(directory: Path) -> str:
    program = directory / "azurite"
    program.write_text("#!/bin/sh\necho it is broken\nexit 1\n")
    program.chmod(0o755)
    return str(program)
