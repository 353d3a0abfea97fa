"""Where a job's files lie in a store that follows the Batch File Conventions.

Every name is relative to the job's container, which :func:`~remotebatch.storage.conventions.container_name`
names, or to the container of objects. A provider puts the root of its store before it: a storage account, or
a directory. ::

    job-<id>/                             a job's container
        $Inputs/inputs                    all of its elements
        $Results/<task>                   result objects
        <task>/$TaskLog/stdout.txt        streams of the last attempt, stderr.txt beside it
        <task>/$TaskLog/attempt-1/…       streams of earlier attempts, where the store keeps them
        <task>/$TaskLog/rank-1/…          streams of the further ranks of a task that has several
        <task>/$TaskOutput/…              what the task wrote under ./JobOutput/
    remotebatch-objects/                  stored once, named by their content
        <kind>/<digest>
"""

from __future__ import annotations

from remotebatch.storage.conventions import job_output_path, task_output_path

OBJECTS = "remotebatch-objects"
"""The container of what is named by its content."""
INPUTS = job_output_path("Inputs", "inputs")
"""The inputs object."""
RESULTS = "$Results"
"""Virtual directory of the result objects."""
_LOGS = "$TaskLog"
_OUTPUTS = "$TaskOutput"


def result(task_id: str) -> str:
    """A task's result object."""
    return job_output_path(RESULTS, task_id)


def logs(task_id: str, attempt: int | None = None) -> str:
    """Virtual directory of a task's streams.

    :param attempt: number of an earlier attempt, from 1; None for the last one.
    """
    return f"{task_id}/{_LOGS}" + ("" if attempt is None else f"/attempt-{attempt}")


def stream(task_id: str, name: str, attempt: int | None = None, rank: int = 0) -> str:
    """One of a task's streams.

    :param name: ``stdout`` or ``stderr``.
    :param attempt: number of an earlier attempt, from 1; None for the last one.
    :param rank: which of the task's processes, where it has one on each of several nodes.
    """
    directories = ([] if attempt is None else [f"attempt-{attempt}"]) + ([f"rank-{rank}"] if rank else [])
    return task_output_path(task_id, _LOGS, "/".join([*directories, f"{name}.txt"]))


def outputs(task_id: str) -> str:
    """Virtual directory of a task's output files."""
    return f"{task_id}/{_OUTPUTS}"


def task_of(name: str) -> str | None:
    """The id of the task that a name in a job's container belongs to; None if it belongs to all."""
    directory, _, rest = name.partition("/")
    if not directory.startswith("$"):
        return directory
    return rest if directory == RESULTS else None


def stored_object(kind: str, digest: str) -> str:
    """What is named by its content, in the container of objects.

    :param kind: such as ``files`` or ``functions``.
    """
    return f"{kind}/{digest}"
