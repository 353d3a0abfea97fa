"""How nodes get at blobs: by signatures in the URLs, or by a managed identity of their pool."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient, UserDelegationKey, generate_container_sas

from remotebatch.errors import InvalidSetting
from remotebatch_azurebatch.accounts.connection import StorageAccount
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.settings import LONGEST_SAS, AzureBatchSettings

_READ, _WRITE = "r", "cw"
_MARGIN = timedelta(minutes=10)
"""By which this machine's clock may be wrong: Azure lends no key for a moment longer than it says."""


class Access:
    """What the nodes of one job may do with blobs, and until when."""

    def __init__(
        self, account: StorageAccount, signer: Signer, lifetime: float, identity: str | None = None
    ) -> None:
        """Nothing is signed yet.

        :param lifetime: seconds for which the nodes may read and write.
        :param identity: resource id of a managed identity that they have, in place of signatures.
        """
        self._account = account
        self._signer = signer
        self._lifetime = lifetime
        self._identity = identity
        self.renew()

    def renew(self) -> None:
        """Let the time for which the nodes may read and write begin now."""
        now = datetime.now(timezone.utc)
        wanted = now + timedelta(seconds=self._lifetime)
        self._expiry = wanted if self._identity is not None else self._signer.until(wanted)
        self.seconds = (self._expiry - now).total_seconds()
        """How long that is."""
        self._queries: dict[tuple[str, str], str] = {}

    @property
    def expires(self) -> float | None:
        """When that ends, in seconds since the epoch; None if it does not."""
        return self._expiry.timestamp() if self._identity is None else None

    def resource_file(self, container: str, blob: str, path: str) -> dict[str, Any]:
        """A blob to be put in a node's directory (Azure: ResourceFile)."""
        url = f"{self._account.url}/{container}/{blob}{self._query(container, _READ)}"
        return {"httpUrl": url, "filePath": path, "fileMode": "0755", **self._who()}

    def output_file(self, pattern: str, container: str, path: str) -> dict[str, Any]:
        """What a node stores when a task has ended, well or badly (Azure: OutputFile)."""
        url = f"{self._account.url}/{container}{self._query(container, _WRITE)}"
        destination = {"containerUrl": url, "path": path, **self._who()}
        return {
            "filePattern": pattern,
            "destination": {"container": destination},
            "uploadOptions": {"uploadCondition": "taskcompletion"},
        }

    def _who(self) -> dict[str, Any]:
        return {} if self._identity is None else {"identityReference": {"resourceId": self._identity}}

    def _query(self, container: str, permission: str) -> str:
        if self._identity is not None:
            return ""
        key = container, permission
        if key not in self._queries:
            self._queries[key] = "?" + self._signer.sign(container, permission, self._expiry)
        return self._queries[key]


def check_lifetime(account: StorageAccount, settings: AzureBatchSettings) -> None:
    """Refuse a lifetime that no signature can have.

    :raises InvalidSetting: saying what the longest is.
    """
    has_key = isinstance(account.credential, AzureNamedKeyCredential)
    longest = LONGEST_SAS.total_seconds()
    if not has_key and settings.storage_identity is None and settings.sas_lifetime_seconds > longest:
        raise InvalidSetting(
            f"sas_lifetime={settings.sas_lifetime!r}: without a key of the storage account Azure signs for "
            f"{LONGEST_SAS.days} days at most; shorten it, or give the pool's storage_identity"
        )


class Signer:
    """Makes shared access signatures: with the account's key, or with one that Azure lends for a while."""

    def __init__(self, account: StorageAccount, client: BlobServiceClient) -> None:
        self._account = account
        self._client = client
        self._lent: UserDelegationKey | None = None
        self._lent_until = datetime.min.replace(tzinfo=timezone.utc)
        self._lock = threading.Lock()

    def sign(self, container: str, permission: str, expiry: datetime) -> str:
        """A signature for everything in a container.

        It has no beginning: the clock of this machine may be ahead of the service's.
        """
        credential = self._account.credential
        who: dict[str, Any]
        if isinstance(credential, AzureNamedKeyCredential):
            who = {"account_key": credential.named_key.key}
        else:
            who = {"user_delegation_key": self._delegation_key(expiry)}
        return str(
            generate_container_sas(self._account.name, container, permission=permission, expiry=expiry, **who)
        )

    def until(self, expiry: datetime) -> datetime:
        """How long a signature can last that is wanted until then."""
        if isinstance(self._account.credential, AzureNamedKeyCredential):
            return expiry
        self._delegation_key(expiry)
        return min(expiry, self._lent_until)

    def _delegation_key(self, expiry: datetime) -> UserDelegationKey:
        """A key that lasts as long as is wanted, or as long as any does, less an hour at most."""
        now = datetime.now(timezone.utc)
        longest = now + LONGEST_SAS - _MARGIN
        with self._lock:
            if self._lent is None or self._lent_until < min(expiry, longest - timedelta(hours=1)):
                with translated(f"account {self._account.name!r} lends no key to sign with"):
                    self._lent = self._client.get_user_delegation_key(now - _MARGIN / 2, longest)
                self._lent_until = longest
            return self._lent
