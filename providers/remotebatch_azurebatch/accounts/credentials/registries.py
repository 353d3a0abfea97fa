"""Passwords of container registries, in the keyring."""

from __future__ import annotations

from urllib.parse import urlsplit

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.credentials import vault
from remotebatch_azurebatch.accounts.credentials.vault import RegistryLogin


def registry_password(server: str, user: str) -> str:
    """The password that ``remotebatch login registry`` has saved.

    :param server: the registry's host, such as ``name.azurecr.io``.
    :raises ProviderError: if none is saved, or the keyring does not open.
    """
    wanted = server_name(server)
    for login in vault.saved_registries():
        if (login.server, login.user) == (wanted, user):
            return login.password
    raise ProviderError(
        f"no password is saved for {user!r} at {wanted}; "
        f"save one: remotebatch login registry {wanted} --user {user}"
    )


def save_registry(server: str, user: str, password: str) -> RegistryLogin:
    """Keep a password, in place of the one that this user had there.

    :raises InvalidSetting: if the server is no host, or the user or the password is empty.
    :raises ProviderError: if the keyring does not open.
    """
    if not user.strip() or not password:
        raise InvalidSetting("a registry's user and password must not be empty")
    login = RegistryLogin(server=server_name(server), user=user, password=password)
    others = [each for each in vault.saved_registries() if (each.server, each.user) != (login.server, user)]
    vault.save_registries([*others, login])
    return login


def forget_registry(server: str, user: str | None = None) -> list[RegistryLogin]:
    """Remove the passwords of a registry, of one user or of all; return what they were for.

    :raises ProviderError: if the keyring does not open.
    """
    wanted, saved = server_name(server), vault.saved_registries()
    gone = [login for login in saved if login.server == wanted and user in (None, login.user)]
    kept = [login for login in saved if login not in gone]
    if kept and gone:
        vault.save_registries(kept)
    elif gone:
        vault.forget_registries()
    return gone


def server_name(text: str) -> str:
    """A registry's host, and its port if it has one, as images name it.

    :raises InvalidSetting: if it is no host.
    """
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.hostname or parts.username or parts.path.strip("/") or parts.query:
        raise InvalidSetting("registry: expected a host, such as name.azurecr.io")
    return parts.netloc.lower()
