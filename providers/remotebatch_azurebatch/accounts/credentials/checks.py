"""What endpoints, keys and connection strings must look like. No message repeats what may be a secret."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential

from remotebatch.errors import InvalidSetting
from remotebatch_azurebatch.accounts.connection import StorageAccount

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PUBLIC_CLOUD = "core.windows.net"
_DEVELOPMENT_ACCOUNT = "devstoreaccount1"
_DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Account and key of every storage emulator of Microsoft's; they are published, and no secret."""
_DEVELOPMENT_URL = f"http://127.0.0.1:10000/{_DEVELOPMENT_ACCOUNT}"
_WHERE_FOUND = "Azure's portal shows it under Access keys"


def batch_endpoint(text: str, what: str = "batch_endpoint", *, for_tokens: bool = False) -> str:
    """The URL of a Batch account, put in order: https unless it says otherwise, no slash at the end.

    :param what: what the text is, for the message.
    :param for_tokens: whether Microsoft Entra ID's tokens will be sent there, which needs https.
    :raises InvalidSetting: if it is no such URL.
    """
    return _url(text, what, "https://NAME.REGION.batch.azure.com", for_tokens, may_have_path=False)


def storage_url(text: str, what: str = "storage", *, for_tokens: bool = True) -> str:
    """The URL of a storage account's blob service, put in order likewise.

    :raises InvalidSetting: if it is no such URL.
    """
    return _url(text, what, f"https://NAME.blob.{_PUBLIC_CLOUD}", for_tokens, may_have_path=True)


def account_of(endpoint: str) -> str:
    """Name of the Batch account, as Azure's endpoints name it; empty where one does not."""
    name, _, rest = (urlsplit(endpoint).hostname or "").partition(".")
    return name if ".batch." in f".{rest}" else ""


def name(text: str, what: str) -> str:
    """A name or id: of an account, a tenant, an application, a user.

    :raises InvalidSetting: if it is empty or has something in it that no name has.
    """
    if not _NAME.fullmatch(text.strip()):
        raise InvalidSetting(f"{what}: expected a name or id of letters, digits, dots and hyphens")
    return text.strip()


def account_key(text: str, what: str) -> str:
    """The key of an account.

    :raises InvalidSetting: if it is not base64.
    """
    key = text.strip()
    try:
        decoded = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded:
        raise InvalidSetting(f"{what}: an account's key is base64, and this is not; {_WHERE_FOUND}")
    return key


def storage_account(connection_string: str, what: str = "storage") -> StorageAccount:
    """The account that a connection string is for.

    :raises InvalidSetting: naming what is missing or wrong in it.
    """
    parts = _parts(connection_string, what)
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return _development_storage()
    if "accountkey" not in parts and "sharedaccesssignature" in parts:
        raise InvalidSetting(
            f"{what}: the connection string has a shared access signature in place of the account's key; "
            f"nodes need signatures of their own, which only the key can make: give one with AccountKey="
        )
    for part in ("AccountName", "AccountKey"):
        if not parts.get(part.lower()):
            raise InvalidSetting(f"{what}: the connection string has no {part}=; {_WHERE_FOUND}")
    account = name(parts["accountname"], f"{what}: AccountName")
    key = account_key(parts["accountkey"], f"{what}: AccountKey")
    protocol = parts.get("defaultendpointsprotocol", "https")
    suffix = parts.get("endpointsuffix", _PUBLIC_CLOUD)
    endpoint = parts.get("blobendpoint") or f"{protocol}://{account}.blob.{suffix}"
    url = storage_url(endpoint, f"{what}: BlobEndpoint", for_tokens=False)
    return StorageAccount(url, AzureNamedKeyCredential(account, key))


def _parts(connection_string: str, what: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in connection_string.strip().strip(";").split(";")]
    if not all(label.strip() and equals for label, equals, _ in pairs):
        raise InvalidSetting(
            f"{what}: expected a connection string, such as "
            f"DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…; {_WHERE_FOUND}"
        )
    return {label.strip().lower(): value.strip() for label, _, value in pairs}


def _development_storage() -> StorageAccount:
    return StorageAccount(_DEVELOPMENT_URL, AzureNamedKeyCredential(_DEVELOPMENT_ACCOUNT, _DEVELOPMENT_KEY))


def _url(text: str, what: str, example: str, for_tokens: bool, may_have_path: bool) -> str:
    stripped = text.strip()
    url = stripped if "://" in stripped else f"https://{stripped}"
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # of a port or an IPv6 address
        is_address = False
    if not is_address or any(not letter.isprintable() or letter.isspace() for letter in url):
        raise InvalidSetting(f"{what}: expected a URL such as {example}")
    if parts.query or parts.fragment or parts.username:
        raise InvalidSetting(f"{what}: expected a URL alone, such as {example}, without a signature or user")
    if parts.path.strip("/") and not may_have_path:
        raise InvalidSetting(f"{what}: expected a URL without a path, such as {example}")
    if for_tokens and parts.scheme == "http":
        raise InvalidSetting(
            f"{what}: {url} is not https, and tokens of Microsoft Entra ID are sent over https only; "
            f"use https there, or account keys"
        )
    return url.rstrip("/")
