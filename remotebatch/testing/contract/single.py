"""Single jobs: value, record, streams, files, settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import remotebatch
from remotebatch import (
    InvalidSetting,
    JobStatus,
    JobType,
    SingleJob,
    SubmissionEnvironment,
)
from remotebatch.testing.contract.base import TIMEOUT, Contract


class SingleContract(Contract):
    """A single call."""

    def test_returns_the_value(self, environment: SubmissionEnvironment) -> None:
        def add(a: int, b: int = 0) -> int:
            return a + b

        job = environment.submit(add, 40, b=2)
        assert job.result(TIMEOUT) == 42
        assert job.result() == 42
        assert isinstance(job, SingleJob)
        assert job.type is JobType.SINGLE
        assert job.status is JobStatus.SUCCEEDED
        assert str(job.status) == "Succeeded"
        assert (job.succeeded, job.failed, job.in_progress, job.done()) == (True, False, False, True)
        assert (job.exit_code, job.failure_type, job.exception()) == (0, None, None)

    def test_has_its_ids_and_its_record(self, environment: SubmissionEnvironment) -> None:
        job = environment.options(name="a name").submit(lambda: None)
        assert str(uuid.UUID(job.id)) == job.id
        assert job.provider_task_id == "10000000"
        assert job.provider_job_id
        assert job.name == "a name"
        assert job.provider == environment.provider
        assert job.environment.provider == environment.provider
        assert job.settings["vcpu_count"] == 1
        assert job.submitted_at.tzinfo is not None
        job.wait(TIMEOUT)
        assert job.properties()["status"] is JobStatus.SUCCEEDED
        assert job.id in repr(job)
        assert "Succeeded" in job._repr_html_()

    def test_closures_and_lambdas_travel(self, environment: SubmissionEnvironment) -> None:
        factor = 3
        scale: Callable[[int], int] = lambda value: factor * value  # noqa: E731 - a lambda is meant

        def apply(value: int) -> int:
            return scale(value)

        assert environment.submit(apply, 5).result(TIMEOUT) == 15

    def test_keeps_both_streams(self, environment: SubmissionEnvironment) -> None:
        def speak() -> None:
            import os
            import sys

            print("to stdout: ümlaut")
            print("to stderr", file=sys.stderr)
            sys.stdout.flush()
            os.write(1, b"\xff raw\n")

        job = environment.submit(speak).wait(TIMEOUT)
        assert job.log() == "to stdout: ümlaut\n\N{REPLACEMENT CHARACTER} raw\n"
        assert job.log(raw=True).endswith(b"\xff raw\n")
        assert job.error_log() == "to stderr\n"

    def test_log_can_be_read_and_followed_while_it_runs(self, environment: SubmissionEnvironment) -> None:
        def count() -> None:
            import time

            for number in range(4):
                print(number)
                time.sleep(0.3)

        job = environment.submit(count)
        lines = job.follow()
        assert next(lines) == "0"
        assert str(job.status) == "Running"
        assert job.log().startswith("0\n")
        assert list(lines) == ["1", "2", "3"]
        assert job.status is JobStatus.SUCCEEDED

    def test_evaluation_has_the_whole_record(self, environment: SubmissionEnvironment) -> None:
        def work(seconds: float) -> str:
            import time
            import warnings

            warnings.warn("mind the gap", stacklevel=1)
            end = time.process_time() + seconds
            while time.process_time() < end:
                pass
            return "done"

        job = environment.submit(work, 0.1)
        job.wait(TIMEOUT)
        evaluation = job.evaluation
        assert evaluation is not None
        assert (evaluation.result, evaluation.success, evaluation.failure_type) == ("done", True, None)
        assert evaluation.input_string == "work(0.1)"
        assert [warning["message"] for warning in evaluation.warnings] == ["mind the gap"]
        assert evaluation.warnings[0]["category"] == "UserWarning"
        assert evaluation.timing is not None
        assert evaluation.timing >= 0.1
        assert evaluation.absolute_timing is not None
        assert evaluation.absolute_timing >= 0.1
        assert "mind the gap" in job.error_log()

    def test_the_output_directory_stays_where_it_is(self, environment: SubmissionEnvironment) -> None:
        def write() -> None:
            import os

            from remotebatch import task

            os.chdir("/")
            (task.output_directory() / "report.txt").write_text("fine")

        job = environment.submit(write).wait(TIMEOUT)
        assert [file.name for file in job.output_files()] == ["report.txt"]

    def test_output_files_come_home(self, environment: SubmissionEnvironment, tmp_path: Path) -> None:
        def write() -> None:
            import os

            os.makedirs("JobOutput/deep/er")
            with open("JobOutput/a.txt", "w") as file:
                file.write("first")
            with open("JobOutput/deep/er/b.bin", "wb") as file:
                file.write(b"\0" * 1000)

        job = environment.submit(write).wait(TIMEOUT)
        assert [(file.name, file.size) for file in job.output_files()] == [
            ("a.txt", 5),
            ("deep/er/b.bin", 1000),
        ]
        copies = job.download(tmp_path / "to")
        assert [copy.relative_to(tmp_path / "to").as_posix() for copy in copies] == ["a.txt", "deep/er/b.bin"]
        assert copies[0].read_text() == "first"
        with pytest.raises(FileNotFoundError, match=r"no output file 'nope'"):
            job.download(tmp_path, ["nope"])

    def test_output_files_of_a_failed_job_come_home_too(
        self, environment: SubmissionEnvironment, tmp_path: Path
    ) -> None:
        def write_and_fail() -> None:
            with open("JobOutput/trace.txt", "w") as file:
                file.write("so far")
            raise RuntimeError("no further")

        job = environment.submit(write_and_fail).wait(TIMEOUT)
        assert job.failed
        assert job.download(tmp_path)[0].read_text() == "so far"

    def test_large_values_travel_and_go_to_a_file(
        self, environment: SubmissionEnvironment, tmp_path: Path
    ) -> None:
        data = bytes(range(256)) * 20_000
        job = environment.submit(lambda blob: blob[::-1], data)
        path = job.save_result(tmp_path / "result", TIMEOUT)
        assert remotebatch.load_result(path) == job.result() == data[::-1]

    def test_input_files_and_environment_reach_the_task(
        self, environment: SubmissionEnvironment, tmp_path: Path
    ) -> None:
        (tmp_path / "local.txt").write_text("from a path")

        def read() -> tuple[str, str, str]:
            import os

            with open("a.txt") as first, open("deep/b.txt") as second:
                return first.read(), second.read(), os.environ["GREETING"]

        job = environment.options(
            input_files={"a.txt": b"from bytes", "deep/b.txt": tmp_path / "local.txt"},
            environment={"GREETING": "hello"},
        ).submit(read)
        assert job.result(TIMEOUT) == ("from bytes", "from a path", "hello")

    def test_folders_and_patterns_of_input_files(
        self, environment: SubmissionEnvironment, tmp_path: Path
    ) -> None:
        for name in ("data/a.csv", "data/inner/b.csv", "data/inner/c d.txt"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)

        def names() -> list[str]:
            import os

            found = [os.path.join(folder, name) for folder, _, names in os.walk("here") for name in names]
            return sorted(os.path.relpath(path, "here") for path in found)

        files = {"here/all": tmp_path / "data", "here/some": f"{tmp_path}/data/**/*.csv"}
        job = environment.options(input_files=files).submit(names)
        expected = ["all/a.csv", "all/inner/b.csv", "all/inner/c d.txt", "some/a.csv", "some/inner/b.csv"]
        assert job.result(TIMEOUT) == expected
        assert sorted(job.settings["input_files"]) == [f"here/{name}" for name in expected]

    def test_task_knows_where_it_is(self, environment: SubmissionEnvironment) -> None:
        def look(_: int) -> tuple[str, ...]:
            import os

            names = ("VCPU_COUNT", "JOB_ID", "TASK_INDEX")
            return (*(os.environ[f"REMOTEBATCH_{name}"] for name in names), os.environ["OMP_NUM_THREADS"])

        array = environment.options(vcpu_count=2).map_submit(look, range(2))
        assert array.results(TIMEOUT) == [("2", array.id, "0", "2"), ("2", array.id, "1", "2")]

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ({"vcpu_count": 0}, "vcpu_count=0: expected an integer from 1 to 1000000"),
            ({"vcpu_count": "two"}, "vcpu_count='two': expected an integer from 1 to 1000000"),
            ({"job_priority": 1.5}, "job_priority=1.5: expected a number from -1 to 1"),
            ({"vcpus": 2}, "unknown setting 'vcpus'.*allowed are: vcpu_count"),
            ({"time_constraint": -1}, "time_constraint=-1: expected a number greater than 0"),
            ({"input_files": {"../up": b""}}, "'../up' must be a relative path"),
            ({"environment": {"A B": "c"}}, "'A B' is not a name"),
        ],
    )
    def test_bad_settings_are_refused_at_once(
        self, environment: SubmissionEnvironment, setting: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InvalidSetting, match=message):
            environment.options(**setting)
