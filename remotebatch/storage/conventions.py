"""Microsoft's Batch File Conventions: where a job's files lie in its blob container.

Implemented from the rules of the Batch File Conventions standard, so that any tool which follows
them finds what remotebatch stored.
"""

from __future__ import annotations

import hashlib
import re

from remotebatch.errors import InvalidSetting

__all__ = ["container_name", "job_output_path", "task_output_path"]

_LONGEST_PLAIN_ID = 59  # "job-" and this many fill a container name's 63 characters
_LONGEST_SLUG = 15
_PLAIN_ID = re.compile(r"[a-z0-9][-a-z0-9]*")
_JOB_OR_TASK_ID = re.compile(r"[A-Za-z0-9_:-]{1,64}")
_KIND = re.compile(r"\$[A-Za-z0-9]+")


def container_name(job_id: str) -> str:
    """Name of the blob container that holds a job's files.

    :param job_id: the provider's job id, 1–64 of letters, digits, ``_``, ``:`` and ``-``; case is ignored.
    :raises InvalidSetting: for anything else.
    """
    _check_id("job", job_id)
    lowered = job_id.lower()
    plain = _PLAIN_ID.fullmatch(lowered) and not lowered.endswith("-") and "--" not in lowered
    if plain and len(lowered) <= _LONGEST_PLAIN_ID:
        return f"job-{lowered}"
    digest = hashlib.sha1(lowered.encode(), usedforsecurity=False).hexdigest()
    slug = re.sub(r"[:_-]+", "-", lowered).strip("-")
    slug = slug[:_LONGEST_SLUG].strip("-") or "job"
    return f"job-{slug}-{digest}"


def task_output_path(task_id: str, kind: str, path: str) -> str:
    """Blob name of a task's output.

    :param task_id: the provider's task id.
    :param kind: ``TaskOutput``, ``TaskPreview``, ``TaskLog``, ``TaskIntermediate`` or one's own, with or
        without the leading ``$``.
    :param path: relative path; ``\\`` becomes ``/`` and leading ``../`` are dropped.
    :raises InvalidSetting: if an id, kind or path is not of that form.
    """
    _check_id("task", task_id)
    return f"{task_id}/{_kind(kind)}/{_relative(path)}"


def job_output_path(kind: str, path: str) -> str:
    """Blob name of an output of the job as a whole: ``$JobOutput/…``, ``$JobPreview/…`` or one's own kind."""
    return f"{_kind(kind)}/{_relative(path)}"


def _check_id(what: str, value: str) -> None:
    if not _JOB_OR_TASK_ID.fullmatch(value):
        raise InvalidSetting(f"{what} id {value!r}: 1 to 64 letters, digits, '_', ':' and '-' are allowed")


def _kind(kind: str) -> str:
    full = kind if kind.startswith("$") else f"${kind}"
    if not _KIND.fullmatch(full):
        raise InvalidSetting(f"output kind {kind!r}: letters and digits are allowed, after one '$'")
    return full


def _relative(path: str) -> str:
    relative = path.replace("\\", "/")
    if relative.startswith("/") or re.match(r"[A-Za-z]:", relative):
        raise InvalidSetting(f"output path {path!r} must be relative")
    while relative.startswith(("../", "./")):
        relative = relative[relative.index("/") + 1 :]
    if not relative or relative == "..":
        raise InvalidSetting(f"output path {path!r} names no file")
    return relative
