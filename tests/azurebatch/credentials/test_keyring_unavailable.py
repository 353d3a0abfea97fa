"""A keyring that is locked, missing or forgetful: a clear message, and the variables still serve."""

from __future__ import annotations

from tests.support.machine import LOCK, Machine

FORGETFUL = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
MISNAMED = {"PYTHON_KEYRING_BACKEND": "keyring.backends.absent.Keyring"}
WAYS_OUT = "Unlock or start the system's keyring (without a desktop: dbus-run-session and gnome-keyring"


def test_a_locked_keyring(desktop: Machine, variables: dict[str, str]) -> None:
    desktop.set(variables)
    desktop.remotebatch("login", "azure", "--from-environment")
    desktop.run([desktop.python, "-c", LOCK])

    found = desktop.find()
    assert "environment devbatchaccount" in found.output
    assert found.errors == ""
    assert_refused(desktop, "KeyringLocked", "login", "azure", "--from-environment")
    desktop.unset(*variables)
    assert_refused(desktop, "KeyringLocked", "whoami")
    assert_refused(desktop, "KeyringLocked", "logout")


def test_no_keyring_at_all(server: Machine, variables: dict[str, str]) -> None:
    assert_refused(server, "NoKeyringError", "login", "registry", "r.io", "--user", "me")
    server.set(variables)
    assert_refused(server, "NoKeyringError", "login", "azure", "--from-environment")
    shown = server.remotebatch("whoami")
    assert (shown.code, shown.errors) == (0, "")
    assert "environment variables" in shown.output


def test_a_backend_that_does_not_exist(server: Machine) -> None:
    server.set(MISNAMED)
    assert_refused(server, "No module named", "whoami")


def test_a_backend_that_keeps_nothing(server: Machine, variables: dict[str, str]) -> None:
    server.set(variables | FORGETFUL)
    assert_refused(server, "has not kept", "login", "azure", "--from-environment")


def assert_refused(machine: Machine, reason: str, *command: str) -> None:
    refused = machine.remotebatch(*command, stdin="password\n")
    assert refused.code == 1
    assert reason in refused.errors
    assert WAYS_OUT in refused.errors
    assert "Traceback" not in refused.errors
