"""From a submission to the record of its job, for whatever provider stores it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from remotebatch.jobs.base import user_at_host
from remotebatch.packing.kernel_archive import kernel_digest
from remotebatch.provider.base import Submission
from remotebatch.provider.records import JobRecord


def record_of(
    submission: Submission, provider_job_id: str, put_file: Callable[[bytes | Path], str], **more: Any
) -> JobRecord:
    """The record of a job that is about to be stored.

    :param put_file: stores an input file's content and returns its digest.
    :param more: further fields of the record; ``settings`` among them are added to the submission's own.
    :raises OSError: if an input file cannot be read.
    """
    settings = submission.settings
    plain = msgspec.to_builtins(settings, builtin_types=(bytes, timedelta), enc_hook=os.fspath)
    plain = {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in plain.items()
    }
    plain["input_files"] = {
        name: put_file(source if isinstance(source, bytes) else Path(source))
        for name, source in settings.input_files.items()
    }
    return JobRecord(
        id=submission.id,
        provider_job_id=provider_job_id,
        name=submission.name,
        type=submission.type,
        submitted_at=time.time(),
        submitted_by=user_at_host(),
        settings=plain | more.pop("settings", {}),
        element_count=submission.inputs.count,
        chunksize=submission.chunksize,
        function=submission.function.digest if submission.function else None,
        kernel=kernel_digest(),
        **more,
    )
