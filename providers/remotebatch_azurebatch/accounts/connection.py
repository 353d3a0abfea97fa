"""The two accounts that a job needs: one of Azure Batch, one of Azure Storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from azure.core.credentials import AzureNamedKeyCredential, TokenCredential

Credential = AzureNamedKeyCredential | TokenCredential
Origin = Literal["given", "keyring", "environment", "dialog"]


@dataclass(frozen=True)
class BatchAccount:
    """A Batch account, and the credential for it."""

    endpoint: str
    """Its URL, without a slash at the end."""
    credential: Credential = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the account."""
        if isinstance(self.credential, AzureNamedKeyCredential):
            return str(self.credential.named_key.name)
        return _name_of(urlsplit(self.endpoint).hostname or "")


@dataclass(frozen=True)
class StorageAccount:
    """A storage account, and the credential for it."""

    url: str
    """URL of its blob service, without a slash at the end."""
    credential: Credential = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the account."""
        if isinstance(self.credential, AzureNamedKeyCredential):
            return str(self.credential.named_key.name)
        parts = urlsplit(self.url)
        return parts.path.strip("/") or _name_of(parts.hostname or "")


@dataclass(frozen=True)
class Connection:
    """Both accounts, and where their credentials came from."""

    batch: BatchAccount
    storage: StorageAccount
    origin: Origin


def _name_of(host: str) -> str:
    """Azure's hosts begin with the account's name; one that is a mere address stands for itself."""
    return host if host.replace(".", "").isdigit() else host.partition(".")[0]
