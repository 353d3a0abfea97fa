"""From a submission to the record of its job, for whatever provider stores it."""

from __future__ import annotations

import functools
import getpass
import os
import secrets
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from remotebatch.input_files import expand
from remotebatch.packing.kernel_archive import kernel_digest
from remotebatch.provider.records import JobRecord
from remotebatch.provider.submission import Submission
from remotebatch.settings import JobSettings

_DRAWN_BITS = 53
"""Of a seed: as many as every reader of JSON keeps."""


def record_of(
    submission: Submission, provider_job_id: str, put_file: Callable[[bytes | Path], str], **more: Any
) -> JobRecord:
    """The record of a job that is about to be stored.

    :param put_file: stores an input file's content and returns its digest.
    :param more: further fields of the record; ``settings`` replaces the submission's own.
    :raises OSError: if an input file cannot be read.
    """
    settings: JobSettings = more.pop("settings", submission.settings)
    files = {name: put_file(source) for name, source in expand(settings.input_files).items()}
    return JobRecord(
        id=submission.id,
        provider_job_id=provider_job_id,
        name=submission.name,
        type=submission.type,
        submitted_at=time.time(),
        submitted_by=user_at_host(),
        settings=_plain(settings),
        input_files=files,
        element_count=submission.inputs.count,
        chunksize=submission.chunksize,
        function=submission.function.digest if submission.function else None,
        kernel=kernel_digest(),
        **more,
    )


@functools.cache
def user_at_host() -> str:
    """The user and host of this process, for the record of a job."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _plain(settings: JobSettings) -> JobSettings:
    """The settings as they are stored: no input files, durations in seconds, paths as text, a seed."""
    changes: dict[str, Any] = {"input_files": {}}
    if settings.seed is None:
        changes["seed"] = secrets.randbits(_DRAWN_BITS)
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, timedelta):
            changes[name] = value.total_seconds()
        elif isinstance(value, os.PathLike):
            changes[name] = os.fspath(value)
        elif isinstance(value, list):
            changes[name] = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in value]
    return msgspec.structs.replace(settings, **changes)
