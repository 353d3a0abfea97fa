"""Credentials given as properties."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential

from remotebatch import InvalidSetting
from remotebatch_azurebatch.accounts.connection import Connection
from remotebatch_azurebatch.accounts.credentials import find_connection
from remotebatch_azurebatch.settings import AzureBatchProperties

ENDPOINT = "https://mine.westeurope.batch.azure.com"
KEY = "c2VjcmV0IG9mIEJhdGNo"
STORAGE_KEY = "c2VjcmV0IG9mIHN0b3JhZ2U="
STORAGE = f"DefaultEndpointsProtocol=https;AccountName=blobs;AccountKey={STORAGE_KEY}"
BLOBS = "https://blobs.blob.core.windows.net"


class Token:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise AssertionError("nothing is to be asked yet")


class AsyncToken:
    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise AssertionError("nothing is to be asked yet")


def find(**given: Any) -> Connection:
    return find_connection(AzureBatchProperties(pool_id="pool", **given))


def refusal(**given: Any) -> str:
    with pytest.raises(InvalidSetting) as caught:
        find(**given)
    assert KEY not in str(caught.value)
    assert STORAGE_KEY not in str(caught.value)
    return str(caught.value)


def test_keys() -> None:
    connection = find(batch_endpoint=f"{ENDPOINT}/", credential=KEY, storage=STORAGE)
    assert connection.origin == "given"
    assert (connection.batch.endpoint, connection.batch.name) == (ENDPOINT, "mine")
    assert (connection.storage.url, connection.storage.name) == (BLOBS, "blobs")
    assert isinstance(connection.batch.credential, AzureNamedKeyCredential)
    assert KEY not in repr(connection)
    assert STORAGE_KEY not in repr(connection)


def test_a_named_key_goes_where_the_endpoint_tells_no_name() -> None:
    endpoint = "http://127.0.0.1:10100"
    assert "give azure.core.credentials.AzureNamedKeyCredential" in refusal(
        batch_endpoint=endpoint, credential=KEY, storage=STORAGE
    )
    credential = AzureNamedKeyCredential("local", KEY)
    assert find(batch_endpoint=endpoint, credential=credential, storage=STORAGE).batch.name == "local"


def test_a_token_credential_serves_both_accounts() -> None:
    credential = Token()
    connection = find(batch_endpoint=ENDPOINT, credential=credential, storage=BLOBS)
    assert connection.batch.credential is credential
    assert connection.storage.credential is credential
    assert (connection.batch.name, connection.storage.name) == ("mine", "blobs")


def test_a_token_credential_with_a_connection_string() -> None:
    connection = find(batch_endpoint=ENDPOINT, credential=Token(), storage=STORAGE)
    assert isinstance(connection.storage.credential, AzureNamedKeyCredential)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"batch_endpoint": ENDPOINT}, "'credential' and 'storage'"),
        ({"credential": KEY, "storage": STORAGE}, "'batch_endpoint'"),
        ({"batch_endpoint": ENDPOINT, "credential": KEY}, "'storage'"),
    ],
)
def test_a_part_is_not_enough(given: dict[str, Any], missing: str) -> None:
    assert refusal(**given).startswith(f"property {missing} missing: ")


def test_given_and_new_contradict_each_other() -> None:
    assert "drop one" in refusal(
        batch_endpoint=ENDPOINT, credential=KEY, storage=STORAGE, service_object="new"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"credential": AsyncToken()}, "not of azure.identity.aio"),
        ({"credential": AzureSasCredential("sig")}, "expected the account's key"),
        ({"credential": "no base64!"}, "an account's key is base64"),
        ({"credential": Token(), "batch_endpoint": "http://127.0.0.1:1"}, "are sent over https only"),
        ({"credential": Token(), "storage": "http://127.0.0.1:1"}, "are sent over https only"),
        ({"storage": BLOBS}, "a URL goes with a credential of azure.identity"),
        ({"storage": 7}, "not int"),
        ({"storage": "AccountName=blobs"}, "has no AccountKey="),
    ],
)
def test_what_cannot_be_right(change: dict[str, Any], said: str) -> None:
    assert said in refusal(**{"batch_endpoint": ENDPOINT, "credential": KEY, "storage": STORAGE} | change)
