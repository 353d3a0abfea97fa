"""Run the kernel in another Python: ``python tests/project/kernel_on.py INTERPRETER``.

A function travels by name, so that any Python can unpickle it, under the version of that interpreter.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from remotebatch.jobs import evaluation
from remotebatch.packing.call import pack_call
from remotebatch.packing.kernel_archive import kernel_archive
from remotebatch_kernel.formats import envelope, exit_codes

VERSION = "import json, sys; print(json.dumps(sys.version_info[:3]))"
IMPORTS = """
import pkgutil, sys
sys.path.insert(0, sys.argv[1])
import remotebatch_kernel
for module in pkgutil.walk_packages(remotebatch_kernel.__path__, "remotebatch_kernel."):
    __import__(module.name)
sys.path.append(sys.argv[1] + "/absent")
from remotebatch import Command, SubmissionEnvironment, task
from remotebatch.jobs.array import ArrayJob
assert (task.index(), task.attempt(), task.job_id(), Command(["ls"]).name) == (0, 1, None, "ls")
assert task.seed() == task.seed() and task.output_directory().is_dir() and task.vcpu_count() > 0
"""


def evaluate(interpreter: str, directory: Path, version: list[int]) -> tuple[int, Any]:
    """Have the kernel work out 5! as packed by a version; return its exit code and its evaluation."""
    function, inputs = pack_call(math.factorial, [((5,), {})])
    header, payload = envelope.unpack(function.data)
    (directory / "function").write_bytes(envelope.pack({**header, "python": version}, bytes(payload)))
    with closing(inputs), open(directory / "inputs", "wb") as file:
        inputs.write_to(file)
    call = {name: str(directory / name) for name in ("function", "inputs", "result")}
    program = [interpreter, "-I", str(directory / "kernel.pyz"), "run"]
    done = subprocess.run([*program, json.dumps({**call, "first": 0, "length": 1})], timeout=60)
    return done.returncode, evaluation.unpack((directory / "result").read_bytes())


def main(interpreter: str) -> None:
    """Check that it evaluates, refuses what another version packed, and imports each of its modules."""
    version = json.loads(subprocess.check_output([interpreter, "-c", VERSION], text=True))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "kernel.pyz").write_bytes(kernel_archive())
        code, result = evaluate(interpreter, directory, version)
        assert (code, result.result) == (0, math.factorial(5)), (code, result)
        code, result = evaluate(interpreter, directory, list(sys.version_info[:3]))
        assert code == exit_codes.VERSION_MISMATCH, (code, result)
        imports = [interpreter, "-I", "-c", IMPORTS, str(directory / "kernel.pyz")]
        subprocess.run(imports, check=True, cwd=directory)
    print(f"the kernel evaluates, refuses and imports on Python {'.'.join(map(str, version))}")


if __name__ == "__main__":
    main(sys.argv[1])
