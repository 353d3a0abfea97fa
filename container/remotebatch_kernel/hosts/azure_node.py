"""A task on a node of Azure Batch: environment variables say what to evaluate and where it lies.

The job preparation task has put into its working directory, once for all of the job's tasks on the node::

    program.pyz   the kernel, with the function in it
    inputs        the inputs object, where it is not among the variables
    files/…       input files, by their names
    code/…        archives of the function's code package, by their digests; of many, several in one

The first task on the node lays the code package out beside them, for all that follow::

    tree/…        see :mod:`remotebatch_kernel.formats.code_package`
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from remotebatch_kernel.evaluation import function
from remotebatch_kernel.evaluation.failure import KernelFailure
from remotebatch_kernel.evaluation.task import JOB_OUTPUT, Call, fail_call, prepare_process, run_call
from remotebatch_kernel.formats import code_package, exit_codes
from remotebatch_kernel.formats.code_package import Description
from remotebatch_kernel.hosts.input_files import place_files

PROGRAM = "program.pyz"
FUNCTION = "function"
INPUTS = "inputs"
FILES = "files"
CODE = "code"
TREE = "tree"
RESULT = ".remotebatch-result"
ATTEMPTS = ".remotebatch-attempts"
"""A file of as many bytes as the task was started here: Azure keeps its directory when it retries it."""


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
    try:
        code = _lay_code(os.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"], call.function)
    except KernelFailure as failure:
        return fail_call(call, failure)
    return run_call(call._replace(code=code))


def _set_up() -> Call:
    shared = os.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"]
    os.chdir(os.environ["AZ_BATCH_TASK_WORKING_DIR"])
    _forget_earlier_attempt()
    os.mkdir(JOB_OUTPUT)
    os.environ["REMOTEBATCH_OUTPUT_DIRECTORY"] = os.path.abspath(JOB_OUTPUT)
    _count_attempt()
    place_files(os.getcwd(), dict(_files(os.path.join(shared, FILES))))
    return _call(shared, os.path.abspath(RESULT))


def _forget_earlier_attempt() -> None:
    """Remove the files of an earlier attempt, which must not seem to be of this one."""
    if os.path.exists(RESULT):
        os.unlink(RESULT)
    if os.path.isdir(JOB_OUTPUT):
        import shutil  # it loads every compression library there is

        shutil.rmtree(JOB_OUTPUT)


def _count_attempt() -> None:
    with open(ATTEMPTS, "ab") as file:
        file.write(b".")
        first = int(os.environ.get("REMOTEBATCH_ATTEMPT") or 1)
        os.environ["REMOTEBATCH_ATTEMPT"] = str(first + file.tell() - 1)


def _call(shared: str, result: str) -> Call:
    call = json.loads(os.environ["REMOTEBATCH_CALL"])
    first = int(os.environ["REMOTEBATCH_TASK_INDEX"]) * call["chunksize"]
    return Call(
        function=os.path.join(shared, PROGRAM, FUNCTION),
        inputs=os.environ.pop("REMOTEBATCH_INPUTS", "") or os.path.join(shared, INPUTS),
        first=first,
        length=min(call["chunksize"], call["elements"] - first),
        result=result,
        attempt=int(os.environ["REMOTEBATCH_ATTEMPT"]),
        image=call.get("image") or "",
    )


def _lay_code(shared: str, packed: str) -> str:
    """Lay the function's code package out, if no other task on the node has.

    One task does it while the others wait. What one leaves that is killed meanwhile does no harm.

    :param packed: path of the packed function.
    :returns: the tree; "" if the function has no code package.
    :raises KernelFailure: SetupFailed if that is not possible, because the disk is full for example.
    """
    archives, tree = os.path.join(shared, CODE), os.path.join(shared, TREE)
    if os.path.isdir(tree) or not os.path.isdir(archives):
        return tree if os.path.isdir(tree) else ""
    import zipfile  # it loads every compression library there is
    import zlib

    try:
        description = function.description_in(packed)
        if description is None:
            return ""
        with _alone(shared):
            code_package.lay(tree, _roots(archives, description))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise KernelFailure(
            "SetupFailed",
            exit_codes.SETUP_FAILED,
            f"the function's own modules cannot be laid out on this node: {type(error).__name__}: {error}; "
            "if its disk is full, choose nodes with a larger one, else retry()",
        ) from error
    return tree


@contextmanager
def _alone(directory: str) -> Iterator[None]:
    """Keep other tasks on the node out; the system lets them in if this one is killed."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then each lays a tree, and the first one stays
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _roots(directory: str, description: Description) -> Iterator[Iterable[str | IO[bytes]]]:
    """For each directory of the tree its archives: files of their own, or in a file that holds several."""
    import zipfile

    named = {digest for root in description.roots for digest in root.archives}
    bundle_of = {}
    for name in os.listdir(directory):
        if name not in named and name.isalnum():  # a download that was cut has a name with a dot
            path = os.path.join(directory, name)
            with zipfile.ZipFile(path) as bundle:
                bundle_of.update(dict.fromkeys(bundle.namelist(), path))

    def found(digest: str) -> str | IO[bytes]:
        if digest not in bundle_of:
            return os.path.join(directory, digest)
        with zipfile.ZipFile(bundle_of[digest]) as bundle:
            return io.BytesIO(bundle.read(digest))

    for root in description.roots:
        yield map(found, root.archives)


def _files(root: str) -> list[tuple[str, str]]:
    """Name and path of everything below a directory, if it is there."""
    return [
        (os.path.relpath(os.path.join(directory, name), root), os.path.join(directory, name))
        for directory, _, names in os.walk(root)
        for name in names
    ]
