"""A task on a node of Azure Batch: the environment tells what to evaluate, and where on the node it lies.

The job's preparation task has put into its working directory, once for all of the job's tasks there::

    program.pyz   the kernel, with the function in it
    inputs        the inputs object, where it is not among the variables
    files/…       input files, by their names
"""

from __future__ import annotations

import json
import os

from remotebatch_kernel.files import place_files
from remotebatch_kernel.task import JOB_OUTPUT, Call, prepare_process, run_call

PROGRAM = "program.pyz"
FUNCTION = "function"
INPUTS = "inputs"
FILES = "files"
RESULT = "result"


def run() -> int:
    """Evaluate the task that the environment tells of.

    :returns: the exit code.
    """
    prepare_process()
    shared = os.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"]
    result = os.path.join(os.environ["AZ_BATCH_TASK_DIR"], RESULT)
    if os.path.exists(result):
        os.unlink(result)  # of an earlier attempt: what this one cannot store must not seem stored
    directory = os.environ["AZ_BATCH_TASK_WORKING_DIR"]
    os.makedirs(os.path.join(directory, JOB_OUTPUT), exist_ok=True)
    place_files(directory, dict(_files(os.path.join(shared, FILES))))
    os.chdir(directory)
    return run_call(_call(shared, result))


def _call(shared: str, result: str) -> Call:
    told = json.loads(os.environ["REMOTEBATCH_CALL"])
    first = int(os.environ["REMOTEBATCH_TASK_INDEX"]) * told["chunksize"]
    return Call(
        function=os.path.join(shared, PROGRAM, FUNCTION),
        inputs=os.environ.get("REMOTEBATCH_INPUTS") or os.path.join(shared, INPUTS),
        first=first,
        length=min(told["chunksize"], told["elements"] - first),
        result=result,
    )


def _files(root: str) -> list[tuple[str, str]]:
    """Name and path of everything below a directory, if it is there."""
    return [
        (os.path.relpath(os.path.join(directory, name), root), os.path.join(directory, name))
        for directory, _, names in os.walk(root)
        for name in names
    ]
