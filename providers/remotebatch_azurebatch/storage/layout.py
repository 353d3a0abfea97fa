"""Where a submission's blobs lie at Azure.

The names that all stores share are those of :mod:`remotebatch.storage.layout`. Azure's own::

    job-remotebatch-<uuid>/                  the container of all parts of a submission
        $Inputs/inputs                       only where the elements are not in the job itself
        $Aborts/<task>                       who asked for the end of a single task
    remotebatch-objects/
        programs/                            the kernel with a function in it
        files/                               input files
        code/                                archives of users' own packages; of many, several in one
"""

from __future__ import annotations

from remotebatch.provider import JobRecord
from remotebatch.storage import layout
from remotebatch.storage.conventions import container_name, job_output_path
from remotebatch.storage.layout import INPUTS, OBJECTS, outputs, result, stream

__all__ = [
    "ABORTS",
    "INPUTS",
    "OBJECTS",
    "abort_note",
    "code_object",
    "container",
    "file_object",
    "is_code",
    "is_program",
    "outputs",
    "program_object",
    "result",
    "stream",
    "task_of",
]

ABORTS = "$Aborts"
_PROGRAMS, _CODE = "programs", "code"


def container(job: JobRecord) -> str:
    """The job's blob container."""
    return container_name(job.provider_job_id)


def abort_note(task_id: str) -> str:
    """Who asked for the end of a single task."""
    return job_output_path(ABORTS, task_id)


def task_of(name: str) -> str | None:
    """The task that a blob of a job's container belongs to; None if it belongs to all."""
    directory, _, rest = name.partition("/")
    return rest if directory == ABORTS else layout.task_of(name)


def program_object(digest: str) -> str:
    """A program, in the container of objects."""
    return layout.stored_object(_PROGRAMS, digest)


def is_program(name: str) -> bool:
    """Whether an object is a program."""
    return name.startswith(f"{_PROGRAMS}/")


def code_object(digest: str) -> str:
    """An archive of a code package, or several in one, in the container of objects."""
    return layout.stored_object(_CODE, digest)


def is_code(name: str) -> bool:
    """Whether an object is of a code package."""
    return name.startswith(f"{_CODE}/")


def file_object(digest: str) -> str:
    """An input file, in the container of objects."""
    return layout.stored_object("files", digest)
