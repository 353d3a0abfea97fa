"""The pool of a job: one that is there, or an automatic one, which is made for it and goes with it."""

from __future__ import annotations

import uuid
from typing import Protocol

from msgspec.structs import replace

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as models
from azurebatch_emulator.protocol.models.base import fields
from azurebatch_emulator.protocol.models.pools import PoolAdd
from azurebatch_emulator.state.pool import Pool

Lifetime = models.PoolLifetimeOption
_NAMES = uuid.UUID("5b0c3a5c-1d0f-4d8e-9d53-6f4f0c1c9a11")


class Owner(Protocol):
    """The job or the job schedule that an automatic pool is for."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def creation_time(self) -> str:
        """When it was created; another of the same id has another pool."""


class Pools(Protocol):
    """The pools of the account."""

    pools: dict[str, Pool]

    def create_pool(self, add: PoolAdd) -> Pool:
        """Make a pool."""


def make(account: Pools, automatic: models.AutoPoolSpecification, owner: Owner) -> str:
    """Make an automatic pool, unless it is there; returns its id.

    :raises BatchServiceError: if there are too many pools.
    """
    pool_id = _id(automatic, owner)
    if automatic.pool is not None and pool_id.lower() not in account.pools:
        account.create_pool(PoolAdd(**fields(automatic.pool), id=pool_id))
    return pool_id


def drop(account: Pools, pool_info: models.PoolInfo, owner: Owner, lifetime: Lifetime) -> None:
    """Delete the automatic pool of what has ended, unless it is to be kept."""
    automatic = pool_info.auto_pool_specification
    if automatic is None or automatic.keep_alive or automatic.pool_lifetime_option is not lifetime:
        return
    pool = account.pools.get(_id(automatic, owner).lower())
    if pool is not None and not pool.is_deleting:
        pool.delete()


def keeping(own: models.PoolInfo, wanted: models.AutoPoolSpecification) -> models.PoolInfo:
    """What a client may change of an automatic pool: whether it outlives its job.

    :raises BatchServiceError: if the job has none of its own.
    """
    automatic = own.auto_pool_specification
    if automatic is None or automatic.pool_lifetime_option is not Lifetime.JOB:
        raise BatchServiceError(
            "InvalidPropertyValue",
            PropertyName="poolInfo",
            Reason="Only keepAlive of an automatic pool that lives as long as the job can be changed.",
        )
    kept = replace(automatic, keep_alive=bool(wanted.keep_alive))
    return models.PoolInfo(auto_pool_specification=kept)


def _id(automatic: models.AutoPoolSpecification, owner: Owner) -> str:
    prefix = f"{automatic.auto_pool_id_prefix}_" if automatic.auto_pool_id_prefix else ""
    return prefix + str(uuid.uuid5(_NAMES, f"{owner.id} {owner.creation_time}")).upper()
