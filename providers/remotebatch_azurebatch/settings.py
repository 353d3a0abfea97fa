"""Properties of an AzureBatch environment and the settings that its jobs have beyond the common ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from remotebatch.provider import JobRecord
from remotebatch.settings import JobSettings
from remotebatch_azurebatch.secrets import Discreet

Name = Annotated[str, Meta(min_length=1)]

LONGEST_SAS = timedelta(days=7)
"""Signatures made without an account key last no longer (Azure: user delegation SAS)."""


class AzureBatchProperties(Discreet, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Properties of ``SubmissionEnvironment("AzureBatch", …)``."""

    shown: ClassVar[tuple[str, ...]] = ("pool_id", "service_object", "batch_endpoint", "poll_interval")

    pool_id: Name | Annotated[list[Name], Meta(min_length=1)]
    """Pool that jobs run on; of several, an array is spread over all."""
    service_object: Literal["new"] | None = None
    """"new" asks for credentials even where some are saved."""
    batch_endpoint: Name | None = None
    """URL of the Batch account, such as ``https://name.region.batch.azure.com``."""
    credential: Any = None
    """Key of the Batch account, an ``AzureNamedKeyCredential``, or any credential of azure-identity."""
    storage: Any = None
    """Connection string of the storage account; or its URL, with a credential of azure-identity."""
    poll_interval: Annotated[float, Meta(gt=0)] | None = None
    """Seconds between polls of a job that is waited for; by default from 0.25 up to 15, with its age."""

    @property
    def pools(self) -> list[str]:
        """The pools, one or several."""
        return [self.pool_id] if isinstance(self.pool_id, str) else list(dict.fromkeys(self.pool_id))


class Registry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A container registry that asks who pulls. Its password is kept in the keyring, never in a setting."""

    server: Name
    user: Name | None = None
    """User whose password ``remotebatch login registry`` has put in the keyring."""
    identity: Name | None = None
    """Resource id of a managed identity of the pool, in place of a user."""

    def __post_init__(self) -> None:
        if (self.user is None) == (self.identity is None):
            raise ValueError("give either user or identity")


class AzureBatchSettings(JobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a job on the AzureBatch provider."""

    container_run_options: Name | None = None
    """Further options of ``docker create`` for the tasks' containers (Azure: containerRunOptions)."""
    registry: Registry | None = None
    """Who pulls the image, where its registry asks."""
    job_preparation: Name | None = None
    """Shell command that runs once on each node before the job's first task there."""
    storage_identity: Name | None = None
    """Resource id of a managed identity of the pool that reads and writes blobs, in place of signatures."""
    sas_lifetime: Annotated[float, Meta(gt=0)] | timedelta = LONGEST_SAS
    """How long the nodes may read and write the job's blobs, in seconds or as a timedelta; then it ends."""
    node_fill: Literal["pack", "spread"] | None = None
    """How the pool must fill its nodes; preflight refuses a pool that does otherwise."""
    wait_for_quota: bool = True
    """Whether to wait, saying so, while the account has as many active jobs as it may; False raises."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for variable in self.environment:
            if variable.startswith("AZ_BATCH_"):
                raise ValueError(f"environment: {variable!r}: names with AZ_BATCH_ are set by Azure Batch")

    @property
    def sas_lifetime_seconds(self) -> float:
        """The lifetime in seconds."""
        given = self.sas_lifetime
        return given.total_seconds() if isinstance(given, timedelta) else given


def settings_of(job: JobRecord) -> AzureBatchSettings:
    """The settings of a job of this provider."""
    assert isinstance(job.settings, AzureBatchSettings)
    return job.settings
