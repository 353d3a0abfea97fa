"""Many jobs, and other processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

import remotebatch
from remotebatch import (
    JobNotFound,
    JobType,
    SubmissionEnvironment,
)
from remotebatch.testing.contract.base import TIMEOUT, Contract


class AttachContract(Contract):
    """Listing, attaching, and waiting for several jobs."""

    def test_jobs_lists_newest_first_and_never_children(self, environment: SubmissionEnvironment) -> None:
        single = environment.submit(lambda: 1)
        array = environment.map_submit(lambda x: x, range(3))
        listed = [job.id for job in environment.jobs()]
        assert listed[:2] == [array.id, single.id]
        assert [job.id for job in environment.jobs(JobType.ARRAY)][:1] == [array.id]
        assert single.id in [job.id for job in environment.jobs("Single")]
        assert array[0].id not in listed

    def test_another_process_attaches_by_the_id_alone(self, environment: SubmissionEnvironment) -> None:
        job = environment.submit(lambda: {"answer": 42})
        script = (
            "import json, sys, remotebatch\n"
            "provider, properties, job_id = json.loads(sys.argv[1])\n"
            "job = remotebatch.SubmissionEnvironment(provider, **properties).job(job_id)\n"
            "print(json.dumps([job.result(60), str(job.status), job.name]))\n"
        )
        arguments = json.dumps([environment.provider, environment.properties, job.id])
        output = subprocess.run(
            [sys.executable, "-c", script, arguments], check=True, capture_output=True, text=True
        )
        assert json.loads(output.stdout) == [{"answer": 42}, "Succeeded", job.name]

    def test_unknown_id(self, environment: SubmissionEnvironment) -> None:
        with pytest.raises(JobNotFound, match="no job"):
            environment.job("00000000-0000-0000-0000-000000000000")

    def test_wait_and_as_completed_over_a_mix(self, environment: SubmissionEnvironment) -> None:
        def sleep(seconds: float) -> None:
            import time

            time.sleep(seconds)

        slow = environment.submit(sleep, 3)
        array = environment.map_submit(sleep, [0.1])
        done, not_done = remotebatch.wait([slow, array], return_when="FIRST_COMPLETED", timeout=TIMEOUT)
        assert (done, not_done) == ({array}, {slow})
        assert list(remotebatch.as_completed([slow, array], TIMEOUT)) == [array, slow]

    def test_jobs_can_be_awaited(self, environment: SubmissionEnvironment) -> None:
        async def both() -> tuple[Any, Any]:
            return await asyncio.gather(environment.submit(lambda: 1), environment.map_submit(str, [2, 3]))

        assert list(asyncio.run(both())) == [1, ["2", "3"]]
