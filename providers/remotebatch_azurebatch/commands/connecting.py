"""The accounts that a command works on: those of the saved or set credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remotebatch_azurebatch.accounts.connection import Connection


def connection() -> Connection:
    """Both accounts.

    :raises ProviderError: if there are no credentials.
    """
    from remotebatch_azurebatch.accounts.credentials import find_connection
    from remotebatch_azurebatch.settings import AzureBatchProperties

    return find_connection(AzureBatchProperties(pool_id="-"))  # it has the credentials; the pool is no matter
