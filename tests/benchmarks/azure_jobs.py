"""Submitting and collecting an array at AzureBatch, beside a plain use of Microsoft's SDK one task at a time.

Both on the same local Batch service and Azurite. What the plain use leaves out is in its favour: its
tasks are shell commands whose result is what they print, without inputs, stored results or logs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from isolated import Bench, NotMeasured
from report import Figure

_SIZES = (1_000, 10_000)
_TIMEOUT = 1800.0
_POOL = "pool"


@contextmanager
def _service(directory: str) -> Iterator[Any]:
    from azurebatch_emulator import Emulator, Timings

    timings = Timings(resize=0)
    with Emulator(f"{directory}/emulator", runtime="process", timings=timings, pool=_POOL) as emulator:
        os.environ |= {
            "AZURE_BATCH_ACCOUNT": emulator.account,
            "AZURE_BATCH_ACCESS_KEY": emulator.key,
            "AZURE_BATCH_ENDPOINT": emulator.endpoint,
            "AZURE_STORAGE_CONNECTION_STRING": emulator.storage_connection_string,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        yield emulator


def ours(directory: str, cpus: int, children: int) -> dict[str, float]:
    """An array job, and all of its results."""
    from remotebatch import SubmissionEnvironment

    def negative(number: int) -> int:
        return -number

    with _service(directory):
        environment = SubmissionEnvironment("AzureBatch", pool_id=_POOL)
        environment.submit(negative, 1).result()  # what is done once for an account is done
        start = time.perf_counter()
        array = environment.map_submit(negative, range(children))
        submitted = time.perf_counter() - start
        array.wait()
        start = time.perf_counter()
        assert sum(array.results()) == -sum(range(children))
        return {"submitted": submitted, "collected": time.perf_counter() - start}


def plain(directory: str, cpus: int, children: int) -> dict[str, float]:
    """A loop over ``create_task``, and one over ``get_task`` and ``download_task_file``."""
    from azure.batch import BatchClient, models
    from azure.core.credentials import AzureNamedKeyCredential

    with _service(directory) as emulator:
        client = BatchClient(emulator.endpoint, AzureNamedKeyCredential(emulator.account, emulator.key))
        pool = models.BatchPoolInfo(pool_id=_POOL)
        client.create_job(models.BatchJobCreateOptions(id="job", pool_info=pool))
        start = time.perf_counter()
        for number in range(children):
            command = f"/bin/sh -c 'echo -{number}'"
            client.create_task("job", models.BatchTaskCreateOptions(id=f"{number}", command_line=command))
        submitted = time.perf_counter() - start
        while client.get_job_task_counts("job").task_counts.completed < children:
            time.sleep(0.2)
        start = time.perf_counter()
        found = 0
        for number in range(children):
            assert client.get_task("job", f"{number}").state == models.BatchTaskState.COMPLETED
            found += int(b"".join(client.download_task_file("job", f"{number}", "stdout.txt")))
        assert found == -sum(range(children))
        return {"submitted": submitted, "collected": time.perf_counter() - start}


def figures(bench: Bench, announce: Callable[[str], None]) -> Iterator[Figure]:
    topic = "G. AzureBatch, on the local Batch service"
    for children in _SIZES:
        try:
            announce(f"{children:,} children at AzureBatch")
            mine = bench.measure("azure_jobs:ours", timeout=_TIMEOUT, children=children)
            announce(f"{children:,} tasks by a plain use of the SDK")
            loop = bench.measure("azure_jobs:plain", timeout=_TIMEOUT, children=children)
        except NotMeasured as problem:
            yield Figure(topic=topic, what=f"{children:,} children", note=str(problem))
            continue
        for step in ("submitted", "collected"):
            yield Figure(topic=topic, what=f"{children:,} children {step}", unit="s", value=mine[step])
            yield Figure(topic=topic, what="… the SDK, one task at a time", unit="s", value=loop[step])
            ratio = loop[step] / mine[step]
            yield Figure(topic=topic, what="… times as fast", unit="×", value=ratio, at_least=1.0)
