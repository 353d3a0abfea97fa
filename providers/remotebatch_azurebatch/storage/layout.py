"""What a submission is called at Azure, and where its blobs lie.

::

    remotebatch-<uuid>                       the Azure Batch job, its first part
    remotebatch-<uuid>-2                     a further part: another pool, a retry, the rest of an early end

    job-remotebatch-<uuid>/                  the container of all its parts, by the Batch File Conventions
        $Inputs/inputs                       all of its elements, where they are not in the job itself
        $Results/<task>                      result objects
        $Aborts/<task>                       who asked for the end of a single task
        <task>/$TaskLog/stdout.txt           stderr.txt beside it
        <task>/$TaskOutput/…                 what the task wrote under ./JobOutput/
    remotebatch-objects/                     stored once, named by their content
        programs/  files/
"""

from __future__ import annotations

from remotebatch.errors import JobNotFound
from remotebatch.provider import JobRecord, Stream
from remotebatch.storage.conventions import container_name, job_output_path, task_output_path

PREFIX = "remotebatch-"
"""With which the ids of all our Azure Batch jobs begin."""
OBJECTS = "remotebatch-objects"
"""The container of what is named by its content."""
INPUTS = job_output_path("Inputs", "inputs")
RESULTS = "$Results"
ABORTS = "$Aborts"
_UUID_LENGTH = 36


def first_part(job_id: str) -> str:
    """Id of a submission's first Azure Batch job."""
    return f"{PREFIX}{job_id}"


def further_part(job_id: str, number: int) -> str:
    """Id of a further Azure Batch job of a submission; numbers begin with 2."""
    return f"{first_part(job_id)}-{number}"


def is_first_part(azure_id: str) -> bool:
    """Whether an Azure Batch job is a submission's first, going by its id."""
    return azure_id.startswith(PREFIX) and len(azure_id) == len(PREFIX) + _UUID_LENGTH


def job_id(azure_id: str) -> str:
    """Id of the submission that an Azure Batch job is a part of."""
    return azure_id[len(PREFIX) : len(PREFIX) + _UUID_LENGTH]


def no_job(job_id: str) -> JobNotFound:
    """The error for a job that is not there."""
    return JobNotFound(f"there is no job {job_id}; it may have been deleted")


def container(job: JobRecord) -> str:
    """The job's blob container."""
    return container_name(job.provider_job_id)


def result(task_id: str) -> str:
    """A task's result object."""
    return job_output_path(RESULTS, task_id)


def abort_note(task_id: str) -> str:
    """Who asked for the end of a single task."""
    return job_output_path(ABORTS, task_id)


def stream(task_id: str, name: Stream) -> str:
    """One of a task's streams."""
    return task_output_path(task_id, "TaskLog", f"{name}.txt")


def outputs(task_id: str) -> str:
    """The virtual directory of a task's output files."""
    return f"{task_id}/$TaskOutput"


def task_of(name: str) -> str | None:
    """The task that a blob of a job's container belongs to; None if it belongs to all."""
    directory, _, rest = name.partition("/")
    if not directory.startswith("$"):
        return directory
    return rest if directory in (RESULTS, ABORTS) else None


def program_object(digest: str) -> str:
    """A program, in the container of objects."""
    return f"programs/{digest}"


def is_program(name: str) -> bool:
    """Whether an object is a program."""
    return name.startswith("programs/")


def file_object(digest: str) -> str:
    """An input file, in the container of objects."""
    return f"files/{digest}"
