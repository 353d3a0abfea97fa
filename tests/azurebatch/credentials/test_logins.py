"""The two ways to log in: kept as JSON, and printed without their secrets."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from remotebatch_azurebatch.accounts.credentials.logins import AccountKeys, EntraId, Login
from remotebatch_azurebatch.accounts.credentials.vault import RegistryLogin

SECRET = "c2VjcmV0IG9mIEJhdGNo"
KEYS = AccountKeys(
    batch_endpoint="https://b",
    batch_account="b",
    batch_key=SECRET,
    storage=f"AccountName=s;AccountKey={SECRET}",
)
ENTRA = EntraId(
    batch_endpoint="https://b",
    storage_url="https://s",
    sign_in="secret",
    tenant_id="t",
    client_id="c",
    client_secret=SECRET,
)
REGISTRY = RegistryLogin(server="r.io", user="me", password=SECRET)


@pytest.mark.parametrize("login", [KEYS, ENTRA, REGISTRY])
def test_no_secret_is_printed(login: Login | RegistryLogin) -> None:
    page = io.StringIO()
    Console(file=page, width=500).print(login)
    assert repr(login).startswith(f"{type(login).__name__}(")
    assert SECRET not in repr(login) + page.getvalue()


@pytest.mark.parametrize("login", [KEYS, ENTRA, EntraId(batch_endpoint="https://b", storage_url="https://s")])
def test_kept_as_json(login: Login) -> None:
    assert msgspec.json.decode(msgspec.json.encode(login), type=Login) == login


def test_keys() -> None:
    assert KEYS.kind == "account keys"
    connection = KEYS.connect("keyring")
    assert (connection.batch.name, connection.storage.name, connection.origin) == ("b", "s", "keyring")


@pytest.mark.parametrize(
    ("login", "credential", "kind"),
    [
        (
            {"sign_in": "secret", "tenant_id": "t", "client_id": "c", "client_secret": SECRET},
            "ClientSecretCredential",
            "Microsoft Entra ID (client secret, client c, tenant t)",
        ),
        ({"sign_in": "browser"}, "InteractiveBrowserCredential", "Microsoft Entra ID (browser)"),
        (
            {"sign_in": "device", "tenant_id": "t"},
            "DeviceCodeCredential",
            "Microsoft Entra ID (device code, tenant t)",
        ),
        ({"sign_in": "default"}, "DefaultAzureCredential", "Microsoft Entra ID (DefaultAzureCredential)"),
    ],
)
def test_ways_to_sign_in(login: dict[str, Any], credential: str, kind: str) -> None:
    found = EntraId(batch_endpoint="https://b", storage_url="https://s", **login)
    assert found.kind == kind
    connection = found.connect("keyring")
    assert type(connection.batch.credential).__name__ == credential
    assert connection.batch.credential is connection.storage.credential
    close = getattr(connection.batch.credential, "close")  # noqa: B009 - not every credential has it
    close()
