"""The system's keyring, the only place where secrets are kept: one item of JSON for each kind of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import msgspec

from remotebatch.errors import ProviderError
from remotebatch_azurebatch.accounts.credentials.logins import Login
from remotebatch_azurebatch.secrets import Discreet

SERVICE = "remotebatch"
"""Under this name the items are found in the keyring."""

_LOGIN, _REGISTRIES = "azure", "registries"
_WAYS_OUT = (
    "Unlock or start the system's keyring (without a desktop: dbus-run-session and "
    "gnome-keyring-daemon --unlock), or have PYTHON_KEYRING_BACKEND name another, "
    "or give the credentials in environment variables, which are not saved"
)

Answer = TypeVar("Answer")


class KeyringUnavailable(ProviderError):
    """The system's keyring is locked, is missing, or does not keep what it is given."""


class RegistryLogin(Discreet, frozen=True, kw_only=True):
    """Who pulls from a container registry."""

    shown: ClassVar[tuple[str, ...]] = ("server", "user")

    server: str
    user: str
    password: str


def require_open() -> None:
    """Make sure that the keyring opens.

    :raises KeyringUnavailable: if it does not.
    """
    _read(_LOGIN)


def saved_login() -> Login | None:
    """What was saved for Azure.

    :raises KeyringUnavailable: if the keyring does not open.
    :raises ProviderError: if the item is not one of ours.
    """
    text = _read(_LOGIN)
    if text is None:
        return None
    login: Login = _decode(text, Login, "azure")
    return login


def save_login(login: Login) -> None:
    """Keep it, in place of what was kept before.

    :raises KeyringUnavailable: if the keyring does not open, or does not keep it.
    """
    _write(_LOGIN, login)


def forget_login() -> bool:
    """Remove what was saved for Azure; return whether there was something.

    :raises KeyringUnavailable: if the keyring does not open.
    """
    return _remove(_LOGIN)


def saved_registries() -> list[RegistryLogin]:
    """What was saved for container registries.

    :raises KeyringUnavailable: if the keyring does not open.
    :raises ProviderError: if the item is not one of ours.
    """
    text = _read(_REGISTRIES)
    registries: list[RegistryLogin] = [] if text is None else _decode(text, list[RegistryLogin], "registry")
    return registries


def save_registries(registries: list[RegistryLogin]) -> None:
    """Keep these, in place of what was kept before.

    :raises KeyringUnavailable: if the keyring does not open, or does not keep them.
    """
    _write(_REGISTRIES, registries)


def forget_registries() -> bool:
    """Remove what was saved for container registries; return whether there was something.

    :raises KeyringUnavailable: if the keyring does not open.
    """
    return _remove(_REGISTRIES)


def _read(item: str) -> str | None:
    def read() -> str | None:
        import keyring  # looks for the system's keyring while it loads

        return keyring.get_password(SERVICE, item)

    return _opened("read", read)


def _write(item: str, value: object) -> None:
    text = msgspec.json.encode(value).decode()

    def write() -> bool:
        import keyring

        keyring.set_password(SERVICE, item, text)
        return keyring.get_password(SERVICE, item) == text

    if not _opened("written", write):  # the backend 'null' says nothing and keeps nothing
        raise KeyringUnavailable(f"the keyring has not kept what it was given. {_WAYS_OUT}")


def _remove(item: str) -> bool:
    def remove() -> bool:
        import keyring

        if keyring.get_password(SERVICE, item) is None:
            return False
        keyring.delete_password(SERVICE, item)
        return True

    return _opened("changed", remove)


def _opened(done: str, use: Callable[[], Answer]) -> Answer:
    try:
        return use()
    except Exception as error:  # a backend is a plug-in, and raises what it likes
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"the keyring cannot be {done} ({type(error).__name__}: {reason}). {_WAYS_OUT}"
        raise KeyringUnavailable(message) from error


def _decode(text: str, kind: Any, command: str) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:  # its message may quote the item
        raise ProviderError(
            f"the keyring holds something for remotebatch that this version did not save; "
            f"'remotebatch logout' removes it, 'remotebatch login {command}' saves it again"
        ) from None
