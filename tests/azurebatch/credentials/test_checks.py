"""What endpoints, keys and connection strings may look like."""

from __future__ import annotations

import pytest

from remotebatch import InvalidSetting
from remotebatch_azurebatch.accounts.credentials import checks

KEY = "c2VjcmV0IG9mIHN0b3JhZ2U="


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mine.westeurope.batch.azure.com", "https://mine.westeurope.batch.azure.com"),
        (" https://mine.westeurope.batch.azure.com/ ", "https://mine.westeurope.batch.azure.com"),
        ("http://127.0.0.1:10100", "http://127.0.0.1:10100"),
        ("[::1]:10100", "https://[::1]:10100"),
    ],
)
def test_endpoints_are_put_in_order(text: str, url: str) -> None:
    assert checks.batch_endpoint(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://mine",
        "https://mine:port",
        "https://[::1",
        "https://mine/pools",
        "https://mine?sig=secret",
        "https://me:secret@mine",
        "two words",
    ],
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"AZURE: expected a URL") as caught:
        checks.batch_endpoint(text, "AZURE")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "account"),
    [
        ("https://mine.westeurope.batch.azure.com", "mine"),
        ("https://mine.chinaeast.batch.chinacloudapi.cn", "mine"),
        ("https://127.0.0.1:10100", ""),
        ("https://localhost", ""),
    ],
)
def test_endpoints_tell_the_account(endpoint: str, account: str) -> None:
    assert checks.account_of(endpoint) == account


@pytest.mark.parametrize(
    ("text", "name", "url"),
    [
        (f"AccountName=blobs;AccountKey={KEY}", "blobs", "https://blobs.blob.core.windows.net"),
        (
            f"DefaultEndpointsProtocol=http;AccountName=blobs;AccountKey={KEY};EndpointSuffix=core.example;",
            "blobs",
            "http://blobs.blob.core.example",
        ),
        (
            f"accountname=a;accountkey={KEY};BlobEndpoint=http://127.0.0.1:1/a/;QueueEndpoint=http://q",
            "a",
            "http://127.0.0.1:1/a",
        ),
        ("UseDevelopmentStorage=true", "devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1"),
    ],
)
def test_connection_strings(text: str, name: str, url: str) -> None:
    account = checks.storage_account(text)
    assert (account.name, account.url) == (name, url)
    assert KEY not in repr(account)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a connection string"),
        ("blobs", "expected a connection string"),
        (KEY, "has no AccountName="),
        (f"AccountKey={KEY}", "has no AccountName="),
        ("AccountName=blobs;AccountKey=", "has no AccountKey="),
        ("AccountName=blobs;AccountKey=secret!", "an account's key is base64"),
        ("BlobEndpoint=https://b;SharedAccessSignature=sig=secret", "only the key can make"),
        (f"AccountName=blobs;AccountKey={KEY};BlobEndpoint=ftp://b", "BlobEndpoint: expected a URL"),
    ],
)
def test_what_is_no_connection_string(text: str, said: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        checks.storage_account(text)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert KEY not in str(caught.value)
