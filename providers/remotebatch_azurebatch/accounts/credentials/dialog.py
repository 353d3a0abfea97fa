"""Asking for credentials: in a terminal with prompts, in a notebook with a form."""

from __future__ import annotations

import sys
import threading

from remotebatch.errors import ProviderError
from remotebatch.views import terminal
from remotebatch_azurebatch.accounts.connection import Connection
from remotebatch_azurebatch.accounts.credentials import entries

_asking = threading.Lock()


def ask(unanswered: ProviderError, new: bool) -> Connection:
    """Ask for credentials, verify them, and save them if that is wished.

    :param unanswered: the error to raise if there is neither a terminal nor a notebook.
    :param new: whether what another thread has just asked for will not do.
    :raises ProviderError: that error; in a notebook, one that says to fill in the form.
    """
    if terminal.in_notebook():
        from remotebatch_azurebatch.accounts.credentials.notebook import show_form

        raise show_form()
    if not can_prompt():
        raise unanswered
    with _asking:
        entered = None if new else entries.entered(new)
        if entered is not None:
            return entered
        from remotebatch_azurebatch.accounts.credentials.terminal import ask_in_terminal

        answers = ask_in_terminal(offer_to_save=True)
        if answers.save:
            print(entries.save(answers.login), file=sys.stderr)
        entries.hold(answers.connection, used=True)
        return answers.connection


def can_prompt() -> bool:
    """Whether prompts would be seen and answered: input and output are a terminal."""
    return sys.stdin is not None and terminal.in_terminal(sys.stdin) and terminal.in_terminal()
