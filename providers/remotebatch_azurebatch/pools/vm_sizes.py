"""What the names of Azure's VM sizes say of them."""

from __future__ import annotations

import re

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


def vcpus_of(vm_size: str) -> int | None:
    """vCPUs of a VM size, read from its name; None where the name does not say.

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


def _counts_vcpus(family: str, version: str) -> bool:
    since = _COUNTED_SINCE.get(family)
    generation = re.match(r"_v\d+", version)
    return since is not None and generation is not None and generation.group() >= since
