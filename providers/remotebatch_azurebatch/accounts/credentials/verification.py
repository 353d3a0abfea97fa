"""Whether both accounts accept their credentials: one real call to each shows it within seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, ResourceExistsError

from remotebatch.errors import ProviderError
from remotebatch.storage.layout import OBJECTS
from remotebatch_azurebatch.accounts.connection import BatchAccount, Connection, Credential, StorageAccount
from remotebatch_azurebatch.accounts.errors import translated

Account = TypeVar("Account")

_QUICKLY: dict[str, Any] = {"connection_timeout": 10, "read_timeout": 20}
_BATCH_SCOPE = "https://batch.core.windows.net//.default"
_STORAGE_SCOPE = "https://storage.azure.com/.default"


class SignInFailed(ProviderError):
    """Microsoft Entra ID gives no token; neither account was asked."""


def verify(connection: Connection) -> None:
    """Make sure that both accounts accept their credentials.

    :raises ProviderError: naming the account that did not, or both, each with the reason.
    """
    problems = [problem for problem in problems_of(connection) if problem is not None]
    if problems:
        raise ProviderError("; ".join(map(str, problems))) from problems[0]


def problems_of(connection: Connection) -> tuple[ProviderError | None, ProviderError | None]:
    """Why the Batch account, and why the storage account, refused the credential; None where not."""
    batch, storage = connection.batch, connection.storage
    problem = _problem(verify_batch, batch)
    if isinstance(problem, SignInFailed) and storage.credential is batch.credential:
        # a second try would open a second browser, or wait as long again
        return problem, SignInFailed(f"{_not_verified(storage)}, as there is no token")
    return problem, _problem(verify_storage, storage)


def verify_batch(account: BatchAccount) -> None:
    """List a pool of the account.

    :raises ProviderError: with the reason why that was not possible.
    """
    from azure.batch import BatchClient

    doing = _not_verified(account)
    _sign_in(account.credential, _BATCH_SCOPE, doing)
    with (
        translated(doing),
        BatchClient(account.endpoint, account.credential, retry_total=1, **_QUICKLY) as client,
    ):
        next(iter(client.list_pools(max_results=1)), None)


def verify_storage(account: StorageAccount) -> None:
    """Make the container that submissions need, unless it is there: reading alone would not do.

    :raises ProviderError: with the reason why that was not possible.
    """
    from azure.storage.blob import BlobServiceClient, ExponentialRetry

    doing = _not_verified(account)
    _sign_in(account.credential, _STORAGE_SCOPE, doing)
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=1)
    with (
        translated(doing),
        BlobServiceClient(account.url, account.credential, retry_policy=retry, **_QUICKLY) as client,
    ):
        try:
            client.create_container(OBJECTS).close()
        except ResourceExistsError:
            pass  # it was there


def _not_verified(account: BatchAccount | StorageAccount) -> str:
    if isinstance(account, BatchAccount):
        return f"the Batch account {account.name!r} at {account.endpoint} was not verified"
    return f"the storage account {account.name!r} at {account.url} was not verified"


def _sign_in(credential: Credential, scope: str, doing: str) -> None:
    """Get a token by itself, as a failure to do so says nothing about the account."""
    if isinstance(credential, AzureNamedKeyCredential):
        return
    try:
        credential.get_token(scope)
    except AzureError as error:
        words = " ".join(str(error.message).split())
        raise SignInFailed(f"{doing}: Microsoft Entra ID gave no token: {words}") from error


def _problem(check: Callable[[Account], None], account: Account) -> ProviderError | None:
    try:
        check(account)
    except ProviderError as error:
        return error
    return None
