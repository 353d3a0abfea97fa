"""Where credentials are looked for, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from remotebatch.errors import ProviderError
from remotebatch_azurebatch.accounts.connection import Connection, Origin
from remotebatch_azurebatch.accounts.credentials import dialog, entries, vault
from remotebatch_azurebatch.accounts.credentials.given import given_connection
from remotebatch_azurebatch.accounts.credentials.logins import Login
from remotebatch_azurebatch.accounts.credentials.variables import ALL, missing_variables, variables_login
from remotebatch_azurebatch.accounts.credentials.vault import KeyringUnavailable
from remotebatch_azurebatch.settings import AzureBatchProperties


@dataclass(frozen=True)
class Found:
    """A login, and where it was."""

    login: Login
    origin: Origin


def find_connection(properties: AzureBatchProperties) -> Connection:
    """Both accounts: as given, as entered earlier in this process, saved in the keyring, in the environment's
    variables, or as entered now.

    Nothing is sent to either account, unless a dialog is needed, which verifies what is entered.

    :raises InvalidSetting: if what is given cannot be right, or only a part is given.
    :raises ProviderError: if there are none, and neither a terminal nor a notebook to ask in; the message
        lists the ways to give them. In a notebook, after the form to enter them has been shown.
    """
    given = given_connection(properties)
    if given is not None:
        return given
    new = properties.service_object == "new"
    entered = entries.entered(new)
    if entered is not None:
        return entered
    try:
        found = None if new else find_login()
    except KeyringUnavailable as error:
        return dialog.ask(ways_to_log_in(error), new)
    return found.login.connect(found.origin) if found else dialog.ask(ways_to_log_in(), new)


def find_login() -> Found | None:
    """What is saved in the keyring or, failing that, in the variables.

    :raises KeyringUnavailable: if the variables say nothing and the keyring does not open.
    :raises ProviderError: if what is found cannot be used.
    """
    locked: KeyringUnavailable | None = None
    try:
        saved = vault.saved_login()
    except KeyringUnavailable as error:
        saved, locked = None, error
    if saved is not None:
        return Found(saved, "keyring")
    from_variables = variables_login()
    if from_variables is not None:
        return Found(from_variables, "environment")
    if locked is not None:
        raise locked
    return None


def ways_to_log_in(locked: KeyringUnavailable | None = None) -> ProviderError:
    """The error for when there are no credentials.

    :param locked: why the keyring was of no help, if it was not.
    """
    missing = missing_variables()
    variables = ", ".join(ALL)
    if len(missing) < len(ALL):
        variables += f" (not set: {', '.join(missing)})"
    saved = f"; {locked}" if locked else ""
    return ProviderError(
        f"there are no credentials for Azure. Save them once with 'remotebatch login azure' in a terminal; "
        f"or set the variables {variables}; or give the environment batch_endpoint=, credential= and storage="
        f"{saved}"
    )
