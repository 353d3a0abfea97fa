"""Credentials in environment variables, the same as other Azure Batch clients read."""

from __future__ import annotations

import os

from remotebatch.errors import InvalidSetting
from remotebatch_azurebatch.accounts.credentials import checks
from remotebatch_azurebatch.accounts.credentials.logins import AccountKeys

ENDPOINT = "AZURE_BATCH_ENDPOINT"
ACCOUNT = "AZURE_BATCH_ACCOUNT"
KEY = "AZURE_BATCH_ACCESS_KEY"
STORAGE = "AZURE_STORAGE_CONNECTION_STRING"
ALL = (ACCOUNT, KEY, ENDPOINT, STORAGE)


def variables_login() -> AccountKeys | None:
    """The keys that the variables hold; None unless all of them are set.

    :raises InvalidSetting: naming the variable whose value cannot be one.
    """
    if missing_variables():
        return None
    storage = os.environ[STORAGE]
    checks.storage_account(storage, STORAGE)
    return AccountKeys(
        batch_endpoint=checks.batch_endpoint(os.environ[ENDPOINT], ENDPOINT),
        batch_account=checks.name(os.environ[ACCOUNT], ACCOUNT),
        batch_key=checks.account_key(os.environ[KEY], KEY),
        storage=storage,
    )


def required_variables_login() -> AccountKeys:
    """The keys that the variables hold.

    :raises InvalidSetting: naming the variables that are not set, or whose value cannot be one.
    """
    login = variables_login()
    if login is None:
        raise InvalidSetting(f"these environment variables are not set: {', '.join(missing_variables())}")
    return login


def missing_variables() -> list[str]:
    """Those of the variables that are not set, or empty."""
    return [name for name in ALL if not os.environ.get(name)]
