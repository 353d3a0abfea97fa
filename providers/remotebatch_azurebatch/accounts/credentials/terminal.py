"""The dialog in a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from azure.core.credentials import AzureNamedKeyCredential

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.connection import BatchAccount, Connection
from remotebatch_azurebatch.accounts.credentials import checks
from remotebatch_azurebatch.accounts.credentials.logins import AccountKeys, EntraId, Login, SignIn
from remotebatch_azurebatch.accounts.credentials.verification import problems_of, verify_batch, verify_storage

T = TypeVar("T")

_SIGN_INS: dict[str, SignIn] = {
    "What this machine has: az login, a managed identity, variables": "default",
    "The secret of an application": "secret",
    "A browser on this machine": "browser",
    "A code, entered in a browser elsewhere": "device",
}


@dataclass(frozen=True)
class Answers:
    """What was entered; both accounts have accepted it."""

    login: Login
    connection: Connection
    save: bool


def ask_in_terminal(offer_to_save: bool) -> Answers:
    """Ask until both accounts accept the answers. Each is verified as soon as its answers are there.

    :param offer_to_save: whether to ask about that as well; without, it is taken for granted.
    :raises ProviderError: if the input ends.
    :raises KeyboardInterrupt: at Ctrl-C.
    """
    try:
        return _outside_loops(lambda: _ask(offer_to_save))
    except EOFError:
        raise ProviderError("no credentials were entered: the input has ended") from None


def _ask(offer_to_save: bool) -> Answers:
    questions = _Questions()
    way = questions.choose("Sign in to Azure with", ["Account keys", "Microsoft Entra ID"])
    login, connection = _ask_keys(questions) if way == "Account keys" else _ask_entra(questions)
    save = questions.agree("Save connection in the keyring?") if offer_to_save else True
    return Answers(login, connection, save)


def _ask_keys(questions: _Questions) -> tuple[Login, Connection]:
    endpoint = account = ""
    while True:
        endpoint = questions.text("Batch account's endpoint (URL)", checks.batch_endpoint, endpoint)
        account = questions.text("Batch account's name", checks.name, account or checks.account_of(endpoint))
        key = questions.secret("Batch account's key", checks.account_key)
        batch = BatchAccount(endpoint, AzureNamedKeyCredential(account, key))
        if _verified("Batch account", verify_batch, batch):
            break
    while True:
        storage_string = questions.secret("Storage account's connection string", _connection_string)
        storage = checks.storage_account(storage_string)
        if _verified("Storage account", verify_storage, storage):
            break
    login = AccountKeys(batch_endpoint=endpoint, batch_account=account, batch_key=key, storage=storage_string)
    return login, Connection(batch, storage, "dialog")


def _ask_entra(questions: _Questions) -> tuple[Login, Connection]:
    tenant = client = endpoint = url = ""
    while True:
        sign_in = _SIGN_INS[questions.choose("Sign in with", list(_SIGN_INS))]
        secret = None
        if sign_in == "secret":
            tenant = questions.text("Tenant id", checks.name, tenant)
            client = questions.text("Client id", checks.name, client)
            secret = questions.secret("Client secret", _not_empty)
        elif sign_in != "default":
            tenant = questions.text("Tenant id (may be left empty)", _may_be_empty, tenant)
            client = questions.text("Client id (may be left empty)", _may_be_empty, client)
        endpoint = questions.text("Batch account's endpoint (URL)", _endpoint_for_tokens, endpoint)
        url = questions.text("Storage account's blob endpoint (URL)", checks.storage_url, url)
        named = sign_in != "default"
        login = EntraId(
            batch_endpoint=endpoint,
            storage_url=url,
            sign_in=sign_in,
            tenant_id=(tenant or None) if named else None,
            client_id=(client or None) if named else None,
            client_secret=secret,
        )
        connection = login.connect("dialog")
        batch_problem, storage_problem = problems_of(connection)
        _report("Batch account", batch_problem)
        _report("Storage account", storage_problem)
        if not (batch_problem or storage_problem):
            return login, connection


def _verified(what: str, verify: Callable[[T], None], account: T) -> bool:
    """Verify an account and print the outcome; return whether it accepts the credential."""
    try:
        verify(account)
    except ProviderError as error:
        _report(what, error)
        return False
    _report(what, None)
    return True


def _report(what: str, problem: ProviderError | None) -> None:
    print(f"✗ {what}: {problem}" if problem else f"✓ {what} verified")


def _connection_string(text: str, what: str) -> str:
    checks.storage_account(text, what)
    return text.strip()


def _endpoint_for_tokens(text: str, what: str) -> str:
    return checks.batch_endpoint(text, what, for_tokens=True)


def _may_be_empty(text: str, what: str) -> str:
    return checks.name(text, what) if text.strip() else ""


def _not_empty(text: str, what: str) -> str:
    if not text.strip():
        raise InvalidSetting(f"{what}: must not be empty")
    return text.strip()


Check = Callable[[str, str], str]
"""Puts an answer in order, or raises InvalidSetting; the second argument is what was asked for."""


class _Questions:
    """The kinds of questions. They are questionary's; Ctrl-C ends them as it ends a program."""

    def __init__(self) -> None:
        import questionary  # slow to load

        self._questionary = questionary

    def choose(self, question: str, choices: list[str]) -> str:
        return str(self._questionary.select(question, choices).unsafe_ask())

    def agree(self, question: str) -> bool:
        return bool(self._questionary.confirm(question, default=True).unsafe_ask())

    def text(self, question: str, check: Check, default: str = "") -> str:
        asked = self._questionary.text(f"{question}:", default, validate=_validator(question, check))
        return check(asked.unsafe_ask(), question)

    def secret(self, question: str, check: Check) -> str:
        asked = self._questionary.password(f"{question}:", validate=_validator(question, check))
        return check(asked.unsafe_ask(), question)


def _validator(question: str, check: Check) -> Any:
    def validate(text: str) -> bool | str:
        try:
            check(text, question)
        except InvalidSetting as error:
            return str(error).removeprefix(f"{question}: ")  # there is one line for it, below the question
        return True

    return validate


def _outside_loops(ask: Callable[[], T]) -> T:
    """Call it where no event loop runs: the prompts run one of their own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ask()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()
