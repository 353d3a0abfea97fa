"""What users may rely on, whatever the provider. The same assertions for all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import remotebatch
from remotebatch import (
    ArrayJob,
    CannotSend,
    Command,
    FailureType,
    InvalidSetting,
    JobFailed,
    JobNotFound,
    JobStatus,
    JobType,
    RemoteException,
    SingleJob,
    SubmissionEnvironment,
)

# Functions that are sent are defined inside the tests: they travel by value, so that a node needs
# nothing but Python.

TIMEOUT = 60.0


class ProviderContract:
    """Subclass it with an ``environment`` fixture."""

    @pytest.fixture
    def environment(self) -> SubmissionEnvironment:
        """The environment to test, with at least two slots."""
        raise NotImplementedError("a subclass gives the environment fixture")

    # -- a single job -----------------------------------------------------------------------

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

    # -- failures ---------------------------------------------------------------------------

    def test_exception_is_raised_as_itself(self, environment: SubmissionEnvironment, tmp_path: Path) -> None:
        def fail(key: str) -> None:
            error = KeyError(key)
            error.hint = "look elsewhere"  # type: ignore[attr-defined]
            raise error

        job = environment.submit(fail, "where")
        with pytest.raises(KeyError) as caught:
            job.result(TIMEOUT)
        assert caught.value.args == ("where",)
        assert caught.value.hint == "look elsewhere"  # type: ignore[attr-defined]
        shown = "".join(getattr(caught.value, "__notes__", [])) or str(caught.value.__cause__)
        assert "raise error" in shown
        assert job.status is JobStatus.FAILED
        assert job.failure_type is FailureType.USER_EXCEPTION
        assert (job.exit_code, job.succeeded, job.failed) == (1, False, True)
        assert "KeyError: 'where'" in str(job.status_reason)
        assert "raise error" in job.error_log()
        assert isinstance(job.exception(), KeyError)
        with pytest.raises(KeyError, match="where"):
            remotebatch.load_result(job.save_result(tmp_path / "result"))
        assert job.evaluation is not None
        assert not job.evaluation.success

    def test_exception_with_its_own_signature_is_raised_as_itself(
        self, environment: SubmissionEnvironment
    ) -> None:
        class Misfit(Exception):
            def __init__(self, code: int, *, detail: str) -> None:
                super().__init__(f"{code}: {detail}")
                self.code, self.detail = code, detail

        def fail() -> None:
            raise Misfit(7, detail="seven")

        with pytest.raises(Misfit, match="7: seven") as caught:
            environment.submit(fail).result(TIMEOUT)
        assert (caught.value.code, caught.value.detail) == (7, "seven")

    def test_exception_that_cannot_be_rebuilt_arrives_in_words(
        self, environment: SubmissionEnvironment
    ) -> None:
        class Holder(Exception):
            def __init__(self) -> None:
                super().__init__("holds a lock")
                self.lock = threading.Lock()

        def fail() -> None:
            raise Holder

        with pytest.raises(RemoteException, match="holds a lock") as caught:
            environment.submit(fail).result(TIMEOUT)
        assert caught.value.type_name.endswith("Holder")
        assert "raise Holder" in caught.value.remote_traceback

    def test_exit_code_passes_through(self, environment: SubmissionEnvironment) -> None:
        def leave(code: int) -> None:
            sys.exit(code)

        job = environment.submit(leave, 42).wait(TIMEOUT)
        assert (job.exit_code, job.failure_type) == (42, FailureType.NON_ZERO_EXIT)
        with pytest.raises(JobFailed, match=r"NonZeroExit: the function called sys\.exit\(42\)") as caught:
            job.result()
        assert (caught.value.exit_code, caught.value.job_id) == (42, job.id)
        assert environment.submit(leave, 0).result(TIMEOUT) is None

    def test_killed_by_a_signal(self, environment: SubmissionEnvironment) -> None:
        def die() -> None:
            import os
            import signal

            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
            os.abort()  # where pid 1 of a container shrugs a signal off

        job = environment.submit(die).wait(TIMEOUT)
        assert job.failure_type is FailureType.NON_ZERO_EXIT
        assert job.exit_code in (134, 139)

    def test_result_that_cannot_be_pickled(self, environment: SubmissionEnvironment) -> None:
        def make() -> Any:
            import threading

            return threading.Lock()

        job = environment.submit(make).wait(TIMEOUT)
        assert job.failure_type is FailureType.RESULT_UNAVAILABLE
        assert "lock" in str(job.status_reason)
        with pytest.raises(JobFailed, match="cannot be pickled"):
            job.result()

    def test_missing_module_is_named(self, environment: SubmissionEnvironment) -> None:
        class Unloadable:
            def __reduce__(self) -> Any:
                return __import__, ("a_module_nobody_has",)

        job = environment.submit(lambda value: None, Unloadable()).wait(TIMEOUT)
        assert job.failure_type is FailureType.MODULE_MISSING
        assert "a_module_nobody_has" in str(job.status_reason)

    def test_unpicklable_argument_is_named_and_nothing_is_stored(
        self, environment: SubmissionEnvironment
    ) -> None:
        before = len(environment.jobs())

        def use(first: int, lock: Any) -> None: ...

        with pytest.raises(CannotSend, match=r"argument 'lock': _thread\.lock cannot be sent"):
            environment.submit(use, 1, threading.Lock())
        assert len(environment.jobs()) == before

    def test_time_constraint_ends_it(self, environment: SubmissionEnvironment) -> None:
        def sleep() -> None:
            import time

            time.sleep(60)

        job = environment.options(time_constraint=1).submit(sleep).wait(TIMEOUT)
        assert job.failure_type is FailureType.TIMED_OUT
        assert "time_constraint of 1 s" in str(job.status_reason)
        with pytest.raises(JobFailed, match="TimedOut"):
            job.result()

    def test_failed_attempts_are_repeated_when_asked_for(self, environment: SubmissionEnvironment) -> None:
        def fail() -> None:
            raise ValueError("again")

        job = environment.options(max_retries=2).submit(fail).wait(TIMEOUT)
        assert (job.attempts, job.failure_type) == (3, FailureType.USER_EXCEPTION)
        assert "attempts=3" in repr(job)
        assert environment.submit(fail).wait(TIMEOUT).attempts == 1

    # -- acting on a job --------------------------------------------------------------------

    def test_abort_ends_it_and_says_who_asked(
        self, environment: SubmissionEnvironment, tmp_path: Path
    ) -> None:
        def sleep() -> None:
            import time

            print("begun")
            time.sleep(60)

        job = environment.submit(sleep)
        assert next(job.follow()) == "begun"
        assert job.abort() is job
        job.wait(TIMEOUT)
        assert job.failure_type is FailureType.ABORTED
        assert "aborted by remotebatch on behalf of" in str(job.status_reason)
        with pytest.raises(JobFailed, match="Aborted"):
            job.result()
        with pytest.raises(JobFailed, match="Aborted"):
            job.save_result(tmp_path / "result")
        assert list(tmp_path.iterdir()) == []
        assert job.abort().failure_type is FailureType.ABORTED

    def test_copies_of_a_task_end_by_sigterm_however_early_it_comes(
        self, environment: SubmissionEnvironment
    ) -> None:
        """As multiprocessing ends its workers, and then waits for them."""

        def ends_of_copies() -> set[int]:
            import os
            import signal

            ends = set()
            for _ in range(50):
                pid = os.fork()
                if pid == 0:
                    while True:
                        signal.pause()
                os.kill(pid, signal.SIGTERM)
                ends.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            return ends

        assert environment.submit(ends_of_copies).result(TIMEOUT) == {-15}

    def test_abort_lets_user_code_clean_up(self, environment: SubmissionEnvironment) -> None:
        def tidy() -> None:
            import time

            try:
                print("begun")
                time.sleep(60)
            finally:
                print("cleaned up")

        job = environment.submit(tidy)
        assert next(job.follow()) == "begun"
        job.abort().wait(TIMEOUT)
        assert job.log() == "begun\ncleaned up\n"

    def test_retry_runs_it_again_under_the_same_id(self, environment: SubmissionEnvironment) -> None:
        def fail_with_the_time() -> None:
            import time

            raise ValueError(time.time_ns())

        job = environment.submit(fail_with_the_time)
        first = job.exception(TIMEOUT)
        assert job.retry() is job
        second = job.exception(TIMEOUT)
        assert first is not None
        assert second is not None
        assert second.args > first.args
        assert job.attempts == 2

    def test_delete_forgets_it(self, environment: SubmissionEnvironment) -> None:
        job = environment.submit(lambda: 1)
        job.wait(TIMEOUT)
        job.delete()
        with pytest.raises(JobNotFound):
            environment.job(job.id)
        assert job.id not in [other.id for other in environment.jobs()]
        with pytest.raises(JobNotFound, match="has been deleted"):
            _ = job.status
        assert (job.in_progress, job.succeeded, job.failed) == (False, False, False)
        assert "unknown" in repr(job)

    def test_timeout_leaves_it_running(self, environment: SubmissionEnvironment) -> None:
        def sleep() -> str:
            import time

            time.sleep(1.5)
            return "slept"

        job = environment.submit(sleep)
        with pytest.raises(TimeoutError, match=job.id):
            job.result(timeout=0.1)
        assert job.evaluation is None
        assert job.result(TIMEOUT) == "slept"

    # -- arrays -----------------------------------------------------------------------------

    def test_map_gives_a_flat_list_in_input_order(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda a, b: a * b, range(5), [10, 20, 30, 40, 50, 60])
        assert array.results(TIMEOUT) == [0, 20, 60, 120, 200]
        assert isinstance(array, ArrayJob)
        assert (array.type, array.status, len(array)) == (JobType.ARRAY, JobStatus.COMPLETED, 5)
        assert array.child_statuses == [JobStatus.SUCCEEDED] * 5
        assert array.child_exit_codes == [0] * 5
        assert (array.counts.succeeded, array.counts.total) == (5, 5)
        assert array.provider_first_task_id == "10000001"
        assert [child.provider_task_id for child in array[-2:]] == ["10000004", "10000005"]
        assert array[1].result() == 20
        assert array[-1].type is JobType.ARRAY_CHILD
        assert array.status_reason is None

    def test_chunks_are_contiguous_and_results_stay_flat(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda x: x * x, range(7), chunksize=3)
        assert len(array) == 3
        assert array.results(TIMEOUT) == [0, 1, 4, 9, 16, 25, 36]
        assert [list(child.span) for child in array] == [[0, 1, 2], [3, 4, 5], [6]]
        assert array[1].result() == [9, 16, 25]

    def test_initializer_runs_once_in_each_child(self, environment: SubmissionEnvironment) -> None:
        def prepare() -> None:
            import builtins

            builtins.prepared = getattr(builtins, "prepared", 0) + 1  # type: ignore[attr-defined]

        def look(_: int) -> int:
            import builtins

            return builtins.prepared  # type: ignore[attr-defined, no-any-return]

        array = environment.map_submit(look, range(4), chunksize=2, initializer=prepare)
        assert array.results(TIMEOUT) == [1, 1, 1, 1]

    def test_exceptions_stand_in_their_places_and_retry_runs_only_those(
        self, environment: SubmissionEnvironment
    ) -> None:
        def odd_ones_fail(number: int) -> int:
            if number % 2:
                raise ValueError(number)
            return number

        array = environment.map_submit(odd_ones_fail, range(5))
        with pytest.raises(ValueError, match="1"):
            array.results(TIMEOUT)
        results = array.results(TIMEOUT, return_exceptions=True)
        assert [repr(result) for result in results] == ["0", "ValueError(1)", "2", "ValueError(3)", "4"]
        assert (array.counts.succeeded, array.counts.failed) == (3, 2)
        assert array.failed
        assert "2 of 5 children failed" in str(array.status_reason)
        array.retry().wait(TIMEOUT)
        assert [child.attempts for child in array] == [1, 2, 1, 2, 1]
        assert "3 succeeded, 2 failed, retries=2" in repr(array)
        assert [reason is None for reason in array.child_status_reasons] == [True, False, True, False, True]

    def test_a_chunk_keeps_what_succeeded(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda x: 1 // x, [1, 0, -1], chunksize=3)
        first, second, third = array.results(TIMEOUT, return_exceptions=True)
        assert (first, third) == (1, -1)
        assert isinstance(second, ZeroDivisionError)

    def test_children_come_as_they_complete(self, environment: SubmissionEnvironment) -> None:
        def sleep(seconds: float) -> float:
            import time

            time.sleep(seconds)
            return seconds

        array = environment.map_submit(sleep, [3.0, 0.0])
        completed = array.as_completed(TIMEOUT, with_results=True)
        assert [(child.index, child.result()) for child in completed] == [(1, 0.0), (0, 3.0)]

    def test_values_come_in_order_before_all_is_done_and_the_rest_can_be_aborted(
        self, environment: SubmissionEnvironment
    ) -> None:
        def sleep(seconds: float) -> float:
            import time

            time.sleep(seconds)
            return seconds

        array = environment.map_submit(sleep, [0, 60, 60])
        values = array.iter_results(TIMEOUT, return_exceptions=True)
        assert next(values) == 0
        assert array.in_progress
        array.abort()
        assert [getattr(error, "failure_type", None) for error in values] == [FailureType.ABORTED] * 2
        assert (array.counts.succeeded, array.counts.failed) == (1, 2)
        assert "2 of 3 children failed; child 1: Aborted: aborted by remotebatch" in str(array.status_reason)

    def test_one_child_can_be_aborted(self, environment: SubmissionEnvironment) -> None:
        def sleep(seconds: float) -> None:
            import time

            time.sleep(seconds)

        array = environment.map_submit(sleep, [60, 0.5])
        array[0].abort()
        array.wait(TIMEOUT)
        assert array[0].failure_type is FailureType.ABORTED
        assert array[1].succeeded

    def test_empty_map(self, environment: SubmissionEnvironment) -> None:
        array = environment.map_submit(lambda x: x, [])
        assert array.results(TIMEOUT) == []
        assert array.status is JobStatus.COMPLETED

    # -- commands ---------------------------------------------------------------------------

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

    # -- settings ---------------------------------------------------------------------------

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

    # -- many jobs, other processes ---------------------------------------------------------

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
