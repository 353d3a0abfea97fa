"""Credentials that were entered in this process, and saving them."""

from __future__ import annotations

from remotebatch_azurebatch.accounts.connection import Connection
from remotebatch_azurebatch.accounts.credentials import vault
from remotebatch_azurebatch.accounts.credentials.logins import Login

_held: Connection | None = None
_unused = False
"""Whether what is held was entered since the last environment was made: it answers a wish for new ones."""


def entered(new: bool) -> Connection | None:
    """What was entered earlier in this process.

    :param new: only if no environment has it yet.
    """
    global _unused
    if _held is None or (new and not _unused):
        return None
    _unused = False
    return _held


def hold(connection: Connection, *, used: bool) -> None:
    """Keep, for this process, what was entered and verified.

    :param used: whether an environment gets it right away.
    """
    global _held, _unused
    _held, _unused = connection, not used


def save(login: Login) -> str:
    """Save what was entered; return a sentence that says so, or why it could not be saved."""
    try:
        vault.save_login(login)
    except vault.KeyringUnavailable as error:
        return f"Not saved: {error}"
    return "Saved in the keyring. 'remotebatch logout' removes it."
