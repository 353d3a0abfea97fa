"""The kernel as it lies in containers: an archive that runs on its own, on old Pythons too."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import remotebatch_kernel
from remotebatch.jobs import evaluation
from remotebatch.jobs.evaluation import Evaluation
from remotebatch.packing.call import pack_call
from remotebatch.packing.kernel_archive import kernel_archive, kernel_digest
from remotebatch_kernel.formats import envelope, exit_codes

Run = Callable[..., tuple["subprocess.CompletedProcess[str]", Evaluation | None]]
SOURCES = sorted(Path(remotebatch_kernel.__file__).parent.rglob("*.py"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Evaluate one call with the archive, in a Python that sees nothing else of this project."""

    def evaluate(
        function: Callable[..., Any], *args: Any, header: dict[str, Any] | None = None
    ) -> tuple[subprocess.CompletedProcess[str], Evaluation | None]:
        packed, packed_inputs = pack_call(function, [(args, {})])
        data = packed.data
        if header:
            found, payload = envelope.unpack(data)
            data = envelope.pack({**found, **header}, bytes(payload))
        (tmp_path / "function").write_bytes(data)
        (tmp_path / "kernel.pyz").write_bytes(kernel_archive())
        with closing(packed_inputs), open(tmp_path / "inputs", "wb") as file:
            packed_inputs.write_to(file)
        call = {
            "function": str(tmp_path / "function"),
            "inputs": str(tmp_path / "inputs"),
            "first": 0,
            "length": 1,
            "result": str(tmp_path / "result"),
        }
        completed = subprocess.run(
            [sys.executable, "-I", "-S", str(tmp_path / "kernel.pyz"), "run", json.dumps(call)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
        )
        result = tmp_path / "result"
        return completed, evaluation.unpack(result.read_bytes()) if result.is_file() else None

    return evaluate


def test_stands_alone(run: Run) -> None:
    completed, result = run(lambda x: x + 1, 41)
    assert result is not None
    assert (completed.returncode, completed.stderr, result.result) == (0, "", 42)


def test_refuses_another_python_before_it_unpickles_anything(run: Run) -> None:
    completed, result = run(lambda: print("ran"), header={"python": [3, 2, 0]})
    assert completed.returncode == exit_codes.VERSION_MISMATCH
    assert result is not None
    assert str(result.failure_type) == "VersionMismatch"
    assert "Python 3.2" in result.message
    assert "Python {}.{}".format(*sys.version_info) in result.message
    assert "ran" not in completed.stdout


def test_result_that_cannot_be_stored(run: Run, tmp_path: Path) -> None:
    def block(path: str) -> None:
        import os

        os.mkdir(path)

    completed, _ = run(block, str(tmp_path / "result"))
    assert completed.returncode == exit_codes.RESULT_UNWRITABLE
    assert "could not be stored" in completed.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_source_is_of_python_3_9(source: Path) -> None:
    ast.parse(source.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_imports_the_standard_library_and_cloudpickle_only(source: Path) -> None:
    allowed = sys.stdlib_module_names | {"cloudpickle", "remotebatch_kernel"}
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            assert all(alias.name.partition(".")[0] in allowed for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] in allowed


def test_archive_has_the_same_name_each_time() -> None:
    first = kernel_digest()
    kernel_digest.cache_clear()
    assert kernel_digest() == first
