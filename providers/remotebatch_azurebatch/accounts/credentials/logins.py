"""The two ways to sign in to both accounts: with their keys, or through Microsoft Entra ID.

Either can be kept as JSON in the keyring. Neither shows a secret when it is printed.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

from remotebatch_azurebatch.accounts.connection import BatchAccount, Connection, Origin, StorageAccount
from remotebatch_azurebatch.accounts.credentials import checks
from remotebatch_azurebatch.secrets import Discreet

SignIn = Literal["default", "secret", "browser", "device"]
"""How Microsoft Entra ID is asked for tokens: azure-identity's DefaultAzureCredential, which takes what the
machine has; an application's client secret; a browser; a code that is typed into a browser elsewhere."""


class AccountKeys(Discreet, frozen=True, kw_only=True, tag="keys", tag_field="kind"):
    """The keys of both accounts."""

    shown: ClassVar[tuple[str, ...]] = ("batch_endpoint", "batch_account")

    batch_endpoint: str
    batch_account: str
    batch_key: str
    storage: str
    """Connection string of the storage account."""

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return "account keys"

    def connect(self, origin: Origin) -> Connection:
        """Both accounts; nothing is sent yet."""
        batch = BatchAccount(self.batch_endpoint, AzureNamedKeyCredential(self.batch_account, self.batch_key))
        return Connection(batch, checks.storage_account(self.storage), origin)


class EntraId(Discreet, frozen=True, kw_only=True, tag="entra", tag_field="kind", omit_defaults=True):
    """An identity in Microsoft Entra ID that has roles on both accounts."""

    shown: ClassVar[tuple[str, ...]] = ("batch_endpoint", "storage_url", "sign_in", "tenant_id", "client_id")

    batch_endpoint: str
    storage_url: str
    sign_in: SignIn = "default"
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    """With ``sign_in="secret"`` only."""

    @property
    def kind(self) -> str:
        """What it is, in words."""
        ways = {
            "default": "DefaultAzureCredential",
            "secret": "client secret",
            "browser": "browser",
            "device": "device code",
        }
        details = [ways[self.sign_in]]
        details += [f"client {self.client_id}"] if self.client_id else []
        details += [f"tenant {self.tenant_id}"] if self.tenant_id else []
        return f"Microsoft Entra ID ({', '.join(details)})"

    def connect(self, origin: Origin) -> Connection:
        """Both accounts with one credential between them; nothing is sent yet."""
        credential = self.credential()
        return Connection(
            BatchAccount(self.batch_endpoint, credential),
            StorageAccount(self.storage_url, credential),
            origin,
        )

    def credential(self) -> TokenCredential:
        """The credential of azure-identity. It keeps its tokens in this process only."""
        from azure import identity  # slow to load

        named = {"tenant_id": self.tenant_id, "client_id": self.client_id}
        options: dict[str, Any] = {name: value for name, value in named.items() if value}
        if self.sign_in == "secret":
            return identity.ClientSecretCredential(**options, client_secret=self.client_secret or "")
        if self.sign_in == "browser":
            return identity.InteractiveBrowserCredential(**options)
        if self.sign_in == "device":
            return identity.DeviceCodeCredential(**options, prompt_callback=_show_code)
        return identity.DefaultAzureCredential()


Login: TypeAlias = AccountKeys | EntraId


def _show_code(address: str, code: str, expires: datetime) -> None:
    """To standard error: standard output belongs to the program."""
    print(f"To sign in, open {address} and enter the code {code}", file=sys.stderr, flush=True)
