"""Commands: any executable, without Python."""

from __future__ import annotations

import subprocess

import pytest

from remotebatch import (
    Command,
    FailureType,
    JobFailed,
    SubmissionEnvironment,
)
from remotebatch.testing.contract.base import TIMEOUT, Contract


class CommandContract(Contract):
    """A program in place of a function."""

    def test_command_gives_the_completed_process(self, environment: SubmissionEnvironment) -> None:
        job = environment.submit(Command(["sh", "-c", "echo out; echo err >&2"]))
        process = job.result(TIMEOUT)
        assert isinstance(process, subprocess.CompletedProcess)
        assert (process.returncode, process.stdout, process.stderr) == (0, "out\n", "err\n")
        assert job.name == "sh"

    def test_command_that_fails(self, environment: SubmissionEnvironment) -> None:
        job = environment.submit(Command(["sh", "-c", "echo why >&2; exit 3"])).wait(TIMEOUT)
        assert (job.exit_code, job.failure_type) == (3, FailureType.NON_ZERO_EXIT)
        with pytest.raises(JobFailed, match=r"exit code 3(.|\n)*why"):
            job.result()
        assert job.evaluation is not None
        assert job.evaluation.result.returncode == 3

    def test_command_that_does_not_exist(self, environment: SubmissionEnvironment) -> None:
        job = environment.submit(Command(["no-such-program"])).wait(TIMEOUT)
        assert (job.exit_code, job.failure_type) == (127, FailureType.NON_ZERO_EXIT)

    def test_commands_in_an_array(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit([Command(["echo", str(number)]) for number in range(3)])
        assert [process.stdout for process in array.results(TIMEOUT)] == ["0\n", "1\n", "2\n"]
