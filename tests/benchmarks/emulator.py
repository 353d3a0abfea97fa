"""The local Azure Batch service: adding and listing tasks, running them, and its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from isolated import Bench, NotMeasured
from report import Figure

_COLLECTION = 100
_ADDED, _LISTED, _RUN, _KEPT = 1_000, 10_000, 10_000, 100_000
_MEBIBYTE = 1 << 20


def measure(directory: str, cpus: int) -> dict[str, float]:
    """All figures of one service, whose pool runs nothing until it is to."""
    from azurebatch_emulator import Emulator, Timings
    from azurebatch_emulator.process.directory import DataDirectory

    data = Path(directory) / "emulator"
    with Emulator(data, runtime="process", timings=Timings(resize=0)) as emulator:
        client = _client(emulator)
        service = DataDirectory(data).running()
        assert service is not None
        _make_pool(client, cpus)
        figures = {}
        _make_job(client, "listed", "none")
        start = time.perf_counter()
        _add(client, "listed", range(_ADDED))
        figures["added"] = time.perf_counter() - start
        _add(client, "listed", range(_ADDED, _LISTED))
        start = time.perf_counter()
        found = sum(1 for _ in client.list_tasks("listed", select=["id", "state"]))
        figures["listed"] = time.perf_counter() - start
        assert found == _LISTED
        _make_job(client, "run", "pool")
        client.disable_job("run")
        _add(client, "run", range(_RUN))
        start = time.perf_counter()
        client.enable_job("run")
        while client.get_job_task_counts("run").task_counts.succeeded < _RUN:
            time.sleep(0.1)
        figures["rate"] = _RUN / (time.perf_counter() - start)
        _add(client, "listed", range(_LISTED, _KEPT - _RUN))
        figures["memory"] = _resident(service.pid)
        return figures


class _Client:
    """Microsoft's client, with what the figures need."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def disable_job(self, job_id: str) -> None:
        from azure.batch import models

        options = models.BatchJobDisableOptions(disable_tasks="requeue")
        self._client.begin_disable_job(job_id, options)
        while self._client.get_job(job_id).state != models.BatchJobState.DISABLED:
            time.sleep(0.01)

    def enable_job(self, job_id: str) -> None:
        self._client.begin_enable_job(job_id)


def _client(emulator: Any) -> _Client:
    from azure.batch import BatchClient
    from azure.core.credentials import AzureNamedKeyCredential

    return _Client(BatchClient(emulator.endpoint, AzureNamedKeyCredential(emulator.account, emulator.key)))


def _make_pool(client: _Client, slots: int) -> None:
    from azure.batch import models

    image = models.BatchVmImageReference(publisher="debian", offer="debian-12", sku="12")
    client.create_pool(
        models.BatchPoolCreateOptions(
            id="pool",
            vm_size="standard_d2s_v3",
            target_dedicated_nodes=1,
            task_slots_per_node=slots,
            virtual_machine_configuration=models.VirtualMachineConfiguration(
                image_reference=image, node_agent_sku_id="batch.node.debian 12"
            ),
        )
    )


def _make_job(client: _Client, job_id: str, pool_id: str) -> None:
    from azure.batch import models

    pool = models.BatchPoolInfo(pool_id=pool_id)
    client.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool))


def _add(client: _Client, job_id: str, numbers: range) -> None:
    from azure.batch import models

    for first in range(numbers.start, numbers.stop, _COLLECTION):
        tasks = [
            models.BatchTaskCreateOptions(id=f"{number:08}", command_line="/bin/true")
            for number in range(first, min(first + _COLLECTION, numbers.stop))
        ]
        client.create_task_collection(job_id, models.BatchTaskGroup(task_values=tasks))


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / _MEBIBYTE
    raise RuntimeError("the system does not report the memory of a process")


def local_rate(directory: str, cpus: int) -> float:
    """No-op commands a second at the Local provider, from submission to all results."""
    from systems import ours

    from remotebatch import Command

    with ours.environment(directory, cpus) as local:
        local.submit(Command(["/bin/true"])).result()
        start = time.perf_counter()
        local.map_submit(Command(["/bin/true"]) for _ in range(_RUN)).results()
        return _RUN / (time.perf_counter() - start)


def figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = "F. Local Azure Batch service"
    try:
        announce(f"{_RUN:,} no-op commands at the Local provider")
        local = bench.measure("emulator:local_rate")
        announce("the local Azure Batch service")
        found = bench.measure("emulator:measure")
    except NotMeasured as problem:
        yield Figure(topic=topic, what="all", note=str(problem))
        return
    yield Figure(
        topic=topic, what=f"{_ADDED:,} tasks added by collection", unit="s", value=found["added"], at_most=2.0
    )
    yield Figure(
        topic=topic, what=f"{_LISTED:,} tasks listed, $select", unit="s", value=found["listed"], at_most=3.0
    )
    yield Figure(topic=topic, what=f"{_RUN:,} no-op tasks", unit="tasks/s", value=found["rate"])
    yield Figure(topic=topic, what="the same at the Local provider", unit="tasks/s", value=local)
    yield Figure(topic=topic, what="ratio", unit="×", value=found["rate"] / local, at_least=0.5)
    yield Figure(
        topic=topic, what=f"memory at {_KEPT:,} tasks", unit="MiB", value=found["memory"], at_most=400.0
    )
