"""Saved passwords of container registries, kept by whatever package offers that."""

from __future__ import annotations

from remotebatch.errors import ProviderError
from remotebatch.provider import plugins

PASSWORDS = "remotebatch.registry_passwords"
"""Entry-point group of the packages that keep passwords of registries.

Each names a function of a server and a user that returns the password or raises ``ProviderError``.
"""


def saved_password(server: str, user: str) -> str:
    """The password that ``remotebatch login registry`` has saved.

    :raises ProviderError: if none is saved, or no installed package keeps passwords.
    """
    keepers = plugins.points(PASSWORDS)
    if not keepers:
        raise ProviderError(
            "no installed package keeps passwords of registries: push without --user, after "
            f"'docker login {server}'"
        )
    return str(plugins.load(keepers[0])(server, user))
