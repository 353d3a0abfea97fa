"""``remotebatch login``, ``logout`` and ``whoami``: credentials in the system's keyring."""

from __future__ import annotations

import sys
from typing import Any

import click

from remotebatch.cli.show import json_option, write_facts, write_json
from remotebatch.errors import ProviderError
from remotebatch.views.terminal import in_terminal
from remotebatch_azurebatch.accounts.connection import BatchAccount, StorageAccount
from remotebatch_azurebatch.accounts.credentials import dialog, registries, vault
from remotebatch_azurebatch.accounts.credentials.logins import Login
from remotebatch_azurebatch.accounts.credentials.search import find_login, ways_to_log_in
from remotebatch_azurebatch.accounts.credentials.variables import required_variables_login
from remotebatch_azurebatch.accounts.credentials.vault import KeyringUnavailable

_ORIGINS = {"keyring": "saved in the keyring", "environment": "environment variables"}
_NOTHING = "Nothing was saved."


@click.group()
def login() -> None:
    """Save credentials in the system's keyring, and nowhere else."""


@login.command("azure")
@click.option("--from-environment", is_flag=True, help="Save what the variables AZURE_… say; ask nothing.")
def login_azure(from_environment: bool) -> None:
    """Save the credentials of a Batch account and a storage account, once both have accepted them."""
    vault.require_open()  # a keyring that does not open is better known before the questions
    found = _from_environment() if from_environment else _from_dialog()
    vault.save_login(found)
    print("Saved in the keyring.")


@login.command("registry")
@click.argument("server")
@click.option("--user", required=True, help="Who pulls from there.")
def login_registry(server: str, user: str) -> None:
    """Save the password of a container registry; it is asked for, or read from standard input."""
    registries.server_name(server)
    if in_terminal(sys.stdin):
        password = str(click.prompt("Password", hide_input=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    saved = registries.save_registry(server, user, password)
    print(f"Saved in the keyring: {saved.user} at {saved.server}. It was not tried.")


@click.group(invoke_without_command=True)
@click.pass_context
def logout(ctx: click.Context) -> None:
    """Remove from the keyring all that login has saved; or, with a command, a part of it."""
    if ctx.invoked_subcommand is None:
        gone = [vault.forget_login(), vault.forget_registries()]
        print("Removed from the keyring." if any(gone) else _NOTHING)


@logout.command("azure")
def logout_azure() -> None:
    """Remove the credentials of the Batch account and the storage account."""
    print("Removed from the keyring." if vault.forget_login() else _NOTHING)


@logout.command("registry")
@click.argument("server")
@click.option("--user", help="Only this user's.  [default: all users']")
def logout_registry(server: str, user: str | None) -> None:
    """Remove passwords of a container registry."""
    gone = registries.forget_registry(server, user)
    for each in gone:
        print(f"Removed from the keyring: {each.user} at {each.server}.")
    if not gone:
        print(_NOTHING)


@click.command()
@json_option
@click.pass_context
def whoami(ctx: click.Context, as_json: bool) -> None:
    """Show the accounts that jobs go to, where their credentials are, and whether these are accepted.

    Ends with exit code 1 if one of the accounts refuses them.
    """
    try:
        found = find_login()
    except KeyringUnavailable as error:
        raise ways_to_log_in(error) from error
    if found is None:
        raise ways_to_log_in()
    from remotebatch_azurebatch.accounts.credentials.verification import problems_of  # slow to load

    connection = found.login.connect(found.origin)
    batch_problem, storage_problem = problems_of(connection)
    shown = {
        "credentials": found.login.kind,
        "origin": found.origin,
        "batch": _account(connection.batch, connection.batch.endpoint, batch_problem),
        "storage": _account(connection.storage, connection.storage.url, storage_problem),
        "registries": _registries(),
    }
    if as_json:
        write_json(shown)
    else:
        write_facts(_facts(shown))
    if batch_problem or storage_problem:
        ctx.exit(1)


def _from_environment() -> Login:
    from remotebatch_azurebatch.accounts.credentials.verification import verify

    found = required_variables_login()
    verify(found.connect("environment"))
    return found


def _from_dialog() -> Login:
    if not dialog.can_prompt():
        raise ProviderError(
            "there is no terminal to ask for credentials in; with --from-environment they are taken from "
            "the environment's variables"
        )
    from remotebatch_azurebatch.accounts.credentials.terminal import ask_in_terminal

    return ask_in_terminal(offer_to_save=False).login


def _account(
    account: BatchAccount | StorageAccount, url: str, problem: ProviderError | None
) -> dict[str, Any]:
    return {
        "account": account.name,
        "url": url,
        "verified": problem is None,
        "problem": None if problem is None else str(problem),
    }


def _registries() -> list[dict[str, str]]:
    try:
        saved = vault.saved_registries()
    except KeyringUnavailable:  # the credentials are in the variables then, and need none
        saved = []
    return [{"server": each.server, "user": each.user} for each in saved]


def _facts(shown: dict[str, Any]) -> dict[str, str | None]:
    facts: dict[str, str | None] = {"credentials": shown["credentials"], "from": _ORIGINS[shown["origin"]]}
    for what in ("batch", "storage"):
        account = shown[what]
        facts[f"{what} account"] = f"{account['account']} at {account['url']}"
        facts[f"{what} verified"] = "yes" if account["verified"] else f"no: {account['problem']}"
    facts["registries"] = ", ".join(f"{each['user']} at {each['server']}" for each in shown["registries"])
    return facts
