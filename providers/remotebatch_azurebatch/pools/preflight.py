"""Whether a pool can run a job, told before anything is stored or started."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from azure.batch import BatchClient, models
from azure.core.exceptions import ResourceNotFoundError

from remotebatch.errors import InvalidSetting, ProviderError
from remotebatch_azurebatch.accounts.clients import translated
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

# Standard_E8-2s_v5: family, vCPUs, those of them that are in use, further letters, version
_VM_SIZE = re.compile(r"(?:standard|basic)_([a-z]+?)(\d+)(?:-(\d+))?([a-z]*)((?:_.*)?)")
_GPU_FAMILIES = ("nc", "nd", "ng", "nv")  # not np, which has FPGAs
_DOUBLING = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
_BY_NUMBER = {
    # older families, whose numbers count sizes and not vCPUs
    "a": {0: 1, 1: 1, 2: 2, 3: 4, 4: 8, 5: 2, 6: 4, 7: 8, 8: 8, 9: 16, 10: 8, 11: 16},
    "d": _DOUBLING,
    "ds": _DOUBLING,
    "g": {1: 2, 2: 4, 3: 8, 4: 16, 5: 32},
    "gs": {1: 2, 2: 4, 3: 8, 4: 16, 5: 32},
}
_COUNTED_SINCE = {"a": "_v2", "d": "_v3", "ds": "_v3"}

_OURS = frozenset({"remotebatch", "remotebatch_azurebatch"})
_warned: set[str] = set()


class PoolWarning(UserWarning):
    """A pool will run the job, but not as well as it could."""


@dataclass(frozen=True)
class PoolFacts:
    """What matters of a pool to the jobs that it is to run."""

    id: str
    vm_size: str
    """Lower case, as ``standard_d4s_v5``."""
    vcpus: int | None
    """vCPUs of that size; None where its name does not tell."""
    slots_per_node: int
    nodes: int
    """Nodes that it has now, dedicated and spot."""
    target_nodes: int
    """Nodes that it is to have."""
    autoscale: bool
    node_fill: str
    """``pack`` or ``spread``."""
    prefetched_images: tuple[str, ...]
    """Container images that its nodes fetch before their first task."""

    @property
    def has_gpus(self) -> bool:
        """Whether the VM size is of a family with GPUs."""
        return has_gpus(self.vm_size)


class Preflight:
    """Looks at pools before jobs are sent to them, and remembers for a minute what it saw.

    :param client: Microsoft's client of the Batch account.
    :param clock: tells the time in seconds, from any beginning.
    """

    def __init__(self, client: BatchClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._seen: dict[str, tuple[float, PoolFacts]] = {}
        self._lock = threading.Lock()

    def look(self, pool_ids: Sequence[str], settings: AzureBatchSettings) -> list[PoolFacts]:
        """Tell of each pool what matters to a job, at the cost of at most one request a pool.

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


def facts_of(pool: models.BatchPool) -> PoolFacts:
    """What matters of a pool, as the service describes it."""
    machine = pool.virtual_machine_configuration
    containers = machine.container_configuration if machine else None
    policy = pool.task_scheduling_policy
    vm_size = (pool.vm_size or "").lower()
    return PoolFacts(
        id=pool.id,
        vm_size=vm_size,
        vcpus=vcpus_of(vm_size),
        slots_per_node=pool.task_slots_per_node or 1,
        nodes=(pool.current_dedicated_nodes or 0) + (pool.current_low_priority_nodes or 0),
        target_nodes=(pool.target_dedicated_nodes or 0) + (pool.target_low_priority_nodes or 0),
        autoscale=bool(pool.enable_auto_scale),
        node_fill=plain(policy.node_fill_type) if policy else "spread",
        prefetched_images=tuple((containers and containers.container_image_names) or ()),
    )


def vcpus_of(vm_size: str) -> int | None:
    """vCPUs of a VM size, read from its name; None where the name does not tell.

    >>> vcpus_of("Standard_D4s_v5"), vcpus_of("Standard_E8-2s_v5"), vcpus_of("Standard_D3_v2")
    (4, 2, 4)
    """
    found = _VM_SIZE.fullmatch(vm_size.lower())
    if found is None:
        return None
    family, number, in_use, _, version = found.groups()
    if in_use:
        return int(in_use)
    if family in _BY_NUMBER and not _counts_vcpus(family, version):
        return _BY_NUMBER[family].get(int(number))
    return int(number) or None


def has_gpus(vm_size: str) -> bool:
    """Whether a VM size is of a family with GPUs."""
    return vm_size.lower().removeprefix("standard_").startswith(_GPU_FAMILIES)


def plain(value: object) -> str:
    """A value of an enumeration in lower case; the client leaves one that it does not know as it came."""
    return str(getattr(value, "value", value) or "").lower()


def resize_errors(pool: models.BatchPool) -> list[str]:
    """Why a pool did not reach its size the last time, in the service's words."""
    return [_resize_error(error) for error in pool.resize_errors or ()]


def _resize_error(error: models.ResizeError) -> str:
    details = (f"{item.name}: {item.value}" for item in error.error_values or ())
    text = " ".join([(error.message or "").split("\n")[0], *details]).strip()
    return f"{error.code}: {text}" if text else str(error.code)


def _counts_vcpus(family: str, version: str) -> bool:
    since = _COUNTED_SINCE.get(family)
    generation = re.match(r"_v\d+", version)
    return since is not None and generation is not None and generation.group() >= since


def _check_pool(pool: models.BatchPool) -> None:
    """Refuse a pool that can run no job of ours."""
    if plain(pool.state) == "deleting":
        raise ProviderError(
            f"pool {pool.id!r} is being deleted; choose another, or make it anew once it is gone"
        )
    _check_machine(pool)
    facts = facts_of(pool)
    # while it is being resized, they tell of the time before
    errors = resize_errors(pool) if plain(pool.allocation_state) == "steady" else []
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
        warnings.warn(text, PoolWarning, stacklevel=_users_level())


def _users_level() -> int:
    """How far up, from the function that calls this, the user's code is, so that a warning names its line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    return level
