"""The program that nodes run: the kernel, compiled, with the function in it."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from remotebatch import JobFailed, SubmissionEnvironment
from remotebatch.packing.call import pack_call
from remotebatch.packing.functions import FunctionObject
from remotebatch_azurebatch.submission.program import pack_program

TIMEOUT = 60.0


def packed(function: Callable[..., Any]) -> FunctionObject:
    """A function, packed."""
    call = pack_call(function, [])
    call.inputs.close()
    return call.function


def test_every_module_is_there_compiled_too() -> None:
    program = pack_program(packed(abs))
    names = set(zipfile.ZipFile(io.BytesIO(program.data)).namelist())
    modules = {name for name in names if name.endswith(".py")}
    assert {"__main__.py", "remotebatch_kernel/hosts/azure_node.py", "cloudpickle/cloudpickle.py"} <= modules
    assert names == modules | {f"{name}c" for name in modules} | {"function"}


def test_the_same_function_makes_the_same_program() -> None:
    first, second, other = (pack_program(packed(each)) for each in (abs, abs, max))
    assert first.digest == second.digest != other.digest


def test_tracebacks_show_nothing_of_the_kernel(env: SubmissionEnvironment) -> None:
    def fail() -> None:
        raise ValueError("here")

    job = env.submit(fail).wait(TIMEOUT)
    assert job.error_log().count("File ") == 1
    assert "in fail" in job.error_log()


def test_another_version_of_python_is_refused_by_name(env: SubmissionEnvironment, other_image: str) -> None:
    job = env.options(container_image=other_image).submit(abs, 1)
    with pytest.raises(JobFailed, match=r"VersionMismatch: the function was packed by Python") as caught:
        job.result(TIMEOUT)
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}" in str(caught.value)
