"""A task on a node of Azure Batch: environment variables say what to evaluate and where it lies.

The job preparation task has put into its working directory, once for all of the job's tasks on the node::

    program.pyz   the kernel, with the function in it
    inputs        the inputs object, where it is not among the variables
    files/…       input files, by their names
"""

from __future__ import annotations

import json
import os
import sys

from remotebatch_kernel.evaluation.task import JOB_OUTPUT, Call, prepare_process, run_call
from remotebatch_kernel.formats import exit_codes
from remotebatch_kernel.hosts.input_files import place_files

PROGRAM = "program.pyz"
FUNCTION = "function"
INPUTS = "inputs"
FILES = "files"
RESULT = ".remotebatch-result"


def run() -> int:
    """Evaluate the task that the environment variables describe.

    :returns: the exit code.
    """
    prepare_process()
    try:
        call = _set_up()
    except (OSError, KeyError, ValueError) as error:
        print(f"remotebatch: the task cannot be set up on this node: {error!r}", file=sys.stderr)
        return exit_codes.SETUP_FAILED
    return run_call(call)


def _set_up() -> Call:
    shared = os.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"]
    os.chdir(os.environ["AZ_BATCH_TASK_WORKING_DIR"])
    _forget_earlier_attempt()
    os.mkdir(JOB_OUTPUT)
    place_files(os.getcwd(), dict(_files(os.path.join(shared, FILES))))
    return _call(shared, os.path.abspath(RESULT))


def _forget_earlier_attempt() -> None:
    """Remove the files of an earlier attempt, which must not seem to be of this one."""
    if os.path.exists(RESULT):
        os.unlink(RESULT)
    if os.path.isdir(JOB_OUTPUT):
        import shutil  # it loads every compression library there is

        shutil.rmtree(JOB_OUTPUT)


def _call(shared: str, result: str) -> Call:
    call = json.loads(os.environ["REMOTEBATCH_CALL"])
    first = int(os.environ["REMOTEBATCH_TASK_INDEX"]) * call["chunksize"]
    return Call(
        function=os.path.join(shared, PROGRAM, FUNCTION),
        inputs=os.environ.pop("REMOTEBATCH_INPUTS", "") or os.path.join(shared, INPUTS),
        first=first,
        length=min(call["chunksize"], call["elements"] - first),
        result=result,
        image=call.get("image") or "",
    )


def _files(root: str) -> list[tuple[str, str]]:
    """Name and path of everything below a directory, if it is there."""
    return [
        (os.path.relpath(os.path.join(directory, name), root), os.path.join(directory, name))
        for directory, _, names in os.walk(root)
        for name in names
    ]
