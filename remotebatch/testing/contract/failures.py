"""Failures: how each kind of failure is classified and reported."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

import remotebatch
from remotebatch import (
    CannotSend,
    FailureType,
    JobFailed,
    JobStatus,
    RemoteException,
    SubmissionEnvironment,
)
from remotebatch.testing.contract.base import TIMEOUT, Contract


class FailureContract(Contract):
    """A call that fails."""

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
                super().__init__("holds a generator")
                self.numbers = (number for number in range(3))

        def fail() -> None:
            raise Holder

        with pytest.raises(RemoteException, match="holds a generator") as caught:
            environment.submit(fail).result(TIMEOUT)
        assert caught.value.type_name.endswith("Holder")
        assert "raise Holder" in caught.value.remote_traceback

    def test_traceback_says_which_element_failed(self, environment: SubmissionEnvironment) -> None:
        def invert(value: int) -> float:
            return 1 / value

        for chunksize, child in (1, 2), (2, 1):
            array = environment.map_submit(invert, [1, 2, 0, 4], chunksize=chunksize)
            array.wait(TIMEOUT)
            error = array[child].exception()
            shown = "".join(getattr(error, "__notes__", [])) or str(getattr(error, "__cause__", None))
            ending = "ZeroDivisionError: division by zero\nelement 2: invert(0)"
            assert shown.endswith(ending)
            assert f"{ending}\n" in array[child].error_log()

    def test_exit_code_passes_through(self, environment: SubmissionEnvironment) -> None:
        def leave(code: int) -> None:
            import sys

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
            return {"rows": [1, (number for number in range(3))]}

        job = environment.submit(make).wait(TIMEOUT)
        assert job.failure_type is FailureType.RESULT_UNAVAILABLE
        assert 'result["rows"][1] (a generator)' in str(job.status_reason)
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

        def use(first: int, connection: Any) -> None: ...

        with (
            socket.socket() as connection,
            pytest.raises(CannotSend, match=r"argument 'connection' \(a socket\) cannot be sent"),
        ):
            environment.submit(use, 1, connection)
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
