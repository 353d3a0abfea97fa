"""Credentials that are given as properties of the environment."""

from __future__ import annotations

import inspect
from typing import Any, cast

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

from remotebatch.errors import InvalidSetting
from remotebatch_azurebatch.accounts.connection import BatchAccount, Connection, Credential, StorageAccount
from remotebatch_azurebatch.accounts.credentials import checks
from remotebatch_azurebatch.settings import AzureBatchProperties

_TOGETHER = ("batch_endpoint", "credential", "storage")


def given_connection(properties: AzureBatchProperties) -> Connection | None:
    """The accounts that the properties name; None if they name none.

    :raises InvalidSetting: if one of the three is missing, or is not what it has to be.
    """
    missing = [name for name in _TOGETHER if getattr(properties, name) is None]
    if len(missing) == len(_TOGETHER):
        return None
    if missing:
        raise InvalidSetting(
            f"property {' and '.join(map(repr, missing))} missing: batch_endpoint, credential and storage "
            f"are given together, or none of them"
        )
    if properties.service_object == "new":
        raise InvalidSetting('service_object="new" asks for credentials, and properties give them: drop one')
    credential = properties.credential
    by_token = _is_token_credential(credential)
    endpoint = checks.batch_endpoint(str(properties.batch_endpoint), for_tokens=by_token)
    batch = BatchAccount(endpoint, _batch_credential(credential, endpoint))
    return Connection(batch, _storage(properties.storage, credential if by_token else None), "given")


def _batch_credential(credential: Any, endpoint: str) -> Credential:
    if isinstance(credential, AzureNamedKeyCredential):
        checks.account_key(credential.named_key.key, "credential")
        return credential
    if isinstance(credential, str):
        account = checks.account_of(endpoint)
        if not account:
            raise InvalidSetting(
                f"credential: {endpoint} does not contain the account's name; "
                f"give azure.core.credentials.AzureNamedKeyCredential(name, key)"
            )
        return AzureNamedKeyCredential(account, checks.account_key(credential, "credential"))
    return cast(TokenCredential, credential)


def _is_token_credential(credential: Any) -> bool:
    if isinstance(credential, (str, AzureNamedKeyCredential)):
        return False
    get_token = getattr(credential, "get_token", None)
    if inspect.iscoroutinefunction(get_token):
        raise InvalidSetting("credential: one of azure.identity is needed, not of azure.identity.aio")
    if get_token is None:
        raise InvalidSetting(
            f"credential: expected the account's key, an AzureNamedKeyCredential or a credential of "
            f"azure.identity, not {type(credential).__name__}"
        )
    return True


def _storage(storage: Any, credential: TokenCredential | None) -> StorageAccount:
    if not isinstance(storage, str):
        raise InvalidSetting(f"storage: expected a connection string or a URL, not {type(storage).__name__}")
    if not _is_url(storage):
        return checks.storage_account(storage)
    url = checks.storage_url(storage)
    if credential is None:
        raise InvalidSetting(
            "storage: a URL goes with a credential of azure.identity; with the Batch account's key, "
            "give the storage account's connection string"
        )
    return StorageAccount(url, credential)


def _is_url(text: str) -> bool:
    return text.strip().lower().startswith(("https://", "http://")) or "=" not in text
