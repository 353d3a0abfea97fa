"""Whether a pool can run a job, checked before anything is stored or started."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Callable, Sequence

from azure.batch import BatchClient, models
from azure.core.exceptions import ResourceNotFoundError

from remotebatch.callers import users_level
from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.errors import translated
from remotebatch_azurebatch.batch.values import lower
from remotebatch_azurebatch.pools.facts import PoolFacts, facts_of, resize_errors
from remotebatch_azurebatch.settings import AzureBatchSettings

_log = logging.getLogger("remotebatch")

_REMEMBERED = 60.0
"""Seconds for which a pool that was found fit is not asked about again."""
_SELECTED = [
    "id",
    "state",
    "allocationState",
    "vmSize",
    "virtualMachineConfiguration",
    "resizeErrors",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
    "enableAutoScale",
    "taskSlotsPerNode",
    "taskSchedulingPolicy",
]

_warned: set[str] = set()


class PoolWarning(UserWarning):
    """A pool will run the job, but not as well as it could."""


class Preflight:
    """Checks pools before jobs are sent to them, and remembers for a minute what it found.

    :param client: Microsoft's client of the Batch account.
    :param clock: returns the time in seconds, from any beginning.
    """

    def __init__(self, client: BatchClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._seen: dict[str, tuple[float, PoolFacts]] = {}
        self._lock = threading.Lock()

    def check(self, pool_ids: Sequence[str], settings: AzureBatchSettings) -> list[PoolFacts]:
        """Refuse what cannot run; return what matters of each pool. At most one request a pool.

        What does no harm is a :class:`PoolWarning`, once for each pool, or a note in the log.

        :raises InvalidSetting: if a setting asks for what a pool does not offer.
        :raises ProviderError: if a pool cannot run any job; the message names the cause.
        :raises ProviderUnavailable: if the service cannot be asked just now.
        """
        pools = [self._facts(pool_id) for pool_id in pool_ids]
        for pool in pools:
            _check_settings(pool, settings)
            _check_slots(pool)
            _note_image(pool, settings.container_image)
        return pools

    def _facts(self, pool_id: str) -> PoolFacts:
        with self._lock:
            seen_at, facts = self._seen.get(pool_id, (0.0, None))
        if facts is not None and self._clock() - seen_at < _REMEMBERED:
            return facts
        pool = self._read(pool_id)
        _check_pool(pool)
        facts = facts_of(pool)
        with self._lock:
            self._seen[pool_id] = self._clock(), facts
        return facts

    def _read(self, pool_id: str) -> models.BatchPool:
        with translated(f"pool {pool_id!r} cannot be looked at"):
            try:
                return self._client.get_pool(pool_id, select=_SELECTED)
            except ResourceNotFoundError as error:
                raise ProviderError(
                    f"the Batch account has no pool {pool_id!r}; check the name, or make the pool with "
                    f"'remotebatch azure pool create {pool_id}'"
                ) from error


def _check_pool(pool: models.BatchPool) -> None:
    """Refuse a pool that can run no job of ours."""
    if lower(pool.state) == "deleting":
        raise ProviderError(
            f"pool {pool.id!r} is being deleted; choose another, or make it again once it is gone"
        )
    _check_machine(pool)
    facts = facts_of(pool)
    # while it is being resized, they are those of the time before
    errors = resize_errors(pool) if lower(pool.allocation_state) == "steady" else []
    if facts.nodes:
        if errors:
            _warn(f"pool {pool.id!r} has {facts.nodes} of {facts.target_nodes} nodes: {'; '.join(errors)}")
        return
    if errors:
        raise ProviderError(
            f"pool {pool.id!r} got no nodes: {'; '.join(errors)}. Ask Azure for a higher quota or choose "
            f"another VM size; 'remotebatch azure pool resize {pool.id} --nodes N' tries again"
        )
    if not facts.autoscale and not facts.target_nodes:
        raise ProviderError(
            f"pool {pool.id!r} has no nodes and does not scale by itself; ask for some with "
            f"'remotebatch azure pool resize {pool.id} --nodes N'"
        )


def _check_machine(pool: models.BatchPool) -> None:
    machine = pool.virtual_machine_configuration
    image = machine.image_reference if machine else None
    described = (machine.node_agent_sku_id, image.offer, image.sku) if machine and image else ()
    if machine is None or any("windows" in (text or "").lower() for text in described):
        raise ProviderError(f"pool {pool.id!r} runs Windows; jobs need a Linux pool that runs containers")
    if machine.container_configuration is None:
        raise ProviderError(
            f"pool {pool.id!r} cannot run containers: it was made without a container configuration, which "
            "cannot be added later. Make a pool that has one with 'remotebatch azure pool create' or "
            "'remotebatch azure template'"
        )


def _check_settings(pool: PoolFacts, settings: AzureBatchSettings) -> None:
    """Refuse settings that this pool can never satisfy."""
    if settings.vcpu_count > pool.slots_per_node:
        raise InvalidSetting(
            f"vcpu_count={settings.vcpu_count}: the nodes of pool {pool.id!r} have {pool.slots_per_node} "
            f"task slot{'s' * (pool.slots_per_node > 1)} each, so no task that needs more could ever start"
        )
    if settings.gpu_count and not pool.has_gpus:
        raise InvalidSetting(
            f"gpu_count={settings.gpu_count}: pool {pool.id!r} has nodes of size {pool.vm_size}, which "
            "has no GPU; use a pool of an N-series size, such as Standard_NC4as_T4_v3"
        )
    if settings.node_fill is not None and settings.node_fill != pool.node_fill:
        raise InvalidSetting(
            f"node_fill={settings.node_fill!r}: pool {pool.id!r} does {pool.node_fill!r}, which "
            "is set when a pool is made"
        )


def _check_slots(pool: PoolFacts) -> None:
    if pool.vcpus is not None and pool.vcpus != pool.slots_per_node:
        more = "share" if pool.slots_per_node > pool.vcpus else "leave idle"
        _warn(
            f"pool {pool.id!r} has {pool.slots_per_node} task slots a node, but {pool.vm_size} has "
            f"{pool.vcpus} vCPUs: tasks will {more} some; vcpu_count is exact where both are equal"
        )


def _note_image(pool: PoolFacts, image: str | None) -> None:
    if image is not None and image not in pool.prefetched_images:
        _log.info("pool %r does not prefetch %s: a node's first task waits for it", pool.id, image)


def _warn(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, PoolWarning, stacklevel=users_level())
