"""Asking for credentials: in a terminal with prompts, in a notebook with a form."""

from __future__ import annotations

import sys
import threading
from typing import Any

from remotebatch.errors import ProviderError
from remotebatch_azurebatch.accounts.connection import Connection
from remotebatch_azurebatch.accounts.credentials import vault
from remotebatch_azurebatch.accounts.credentials.logins import Login

_asking = threading.Lock()
_held: Connection | None = None
_unused = False
"""Whether what is held was entered since the last environment was made: it answers a wish for new ones."""


def entered(anew: bool) -> Connection | None:
    """What was entered earlier in this process.

    :param anew: only if no environment has it yet.
    """
    global _unused
    if _held is None or (anew and not _unused):
        return None
    _unused = False
    return _held


def hold(connection: Connection, *, used: bool) -> None:
    """Keep, for this process, what was entered and verified.

    :param used: whether an environment gets it right away.
    """
    global _held, _unused
    _held, _unused = connection, not used


def ask(nobody: ProviderError, anew: bool) -> Connection:
    """Ask for credentials, verify them, and save them if that is wished.

    :param nobody: the error to raise if there is nobody to ask.
    :param anew: whether what another thread was told meanwhile will not do.
    :raises ProviderError: if there is nobody, or the answers are yet to come, in a notebook's form.
    """
    if in_notebook():
        from remotebatch_azurebatch.accounts.credentials.notebook import show_form

        raise show_form()
    if not in_terminal():
        raise nobody
    with _asking:
        told_another = None if anew else entered(anew)
        if told_another is not None:
            return told_another
        from remotebatch_azurebatch.accounts.credentials.terminal import ask_in_terminal

        answers = ask_in_terminal(offer_to_save=True)
        if answers.save:
            print(save(answers.login), file=sys.stderr)
        hold(answers.connection, used=True)
        return answers.connection


def save(login: Login) -> str:
    """Save what was entered; return a sentence that says so, or why it could not be."""
    try:
        vault.save_login(login)
    except vault.KeyringUnavailable as error:
        return f"Not saved: {error}"
    return "Saved in the keyring. 'remotebatch logout' removes it."


def in_terminal() -> bool:
    """Whether there is somebody to answer prompts."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None
