"""From Azure Batch's description of a task to the record of it here."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from remotebatch.provider import JobRecord, TaskRecord, classification
from remotebatch.status import FailureType, JobStatus
from remotebatch_azurebatch.batch.ends import access_expired, why_ended
from remotebatch_azurebatch.batch.values import lower, time_of
from remotebatch_kernel.formats import exit_codes

ENDED = "taskended"
_EXITED = "failureexitcode"
_NO_PROGRAM = "commandprogramnotfound"
_KILLED = 137
_BY_CODE = {
    "blobaccessdenied": FailureType.INPUT_UNAVAILABLE,
    "blobdownloadmiscerror": FailureType.INPUT_UNAVAILABLE,
    "blobdownloadtimedout": FailureType.INPUT_UNAVAILABLE,
    "blobnotfound": FailureType.INPUT_UNAVAILABLE,
    "resourcecontaineraccessdenied": FailureType.INPUT_UNAVAILABLE,
    "resourcecontainernotfound": FailureType.INPUT_UNAVAILABLE,
    "resourcefilecreatefailed": FailureType.INPUT_UNAVAILABLE,
    "resourcefilewritefailed": FailureType.INPUT_UNAVAILABLE,
    "containerinvalidimage": FailureType.IMAGE_UNAVAILABLE,
    "containerinvalidregistry": FailureType.IMAGE_UNAVAILABLE,
    "fileuploadaccessdenied": FailureType.UPLOAD_FAILED,
    "fileuploadconflict": FailureType.UPLOAD_FAILED,
    "fileuploadcontainernotfound": FailureType.UPLOAD_FAILED,
    "fileuploadmiscerror": FailureType.UPLOAD_FAILED,
    "fileuploadtimedout": FailureType.UPLOAD_FAILED,
    "tasklost": FailureType.NODE_LOST,
    "nodepreempted": FailureType.PREEMPTED,
}
_DENIED = frozenset({"blobaccessdenied", "resourcecontaineraccessdenied", "fileuploadaccessdenied"})
_QUERY = re.compile(r"(\bhttps?://[^\s?'\"]+)\?[^\s'\"]*")
_TIME_IS_UP = "maximum execution time"


def task_record(
    job: JobRecord, index: int, earlier_attempts: int, task: Mapping[str, Any], expires: float | None
) -> TaskRecord:
    """The record of a task from its entry in a list.

    :param earlier_attempts: those that it had in other Azure jobs of the submission.
    :param expires: when its node's access to blobs ends, in seconds since the epoch; None for never.
    :returns: a failed task without a failure type, if finding that out costs a further request; it has a
        reason then if the task was ended from outside.
    """
    info = task.get("executionInfo") or {}
    state = lower(task["state"])
    started, ended = time_of(info.get("startTime")), time_of(info.get("endTime"))
    record = TaskRecord(
        index,
        _STATUS.get(state, JobStatus.RUNNING),
        exit_code=info.get("exitCode"),
        attempts=earlier_attempts + (info.get("retryCount") or 0) + 1,
        requeues=info.get("requeueCount") or 0,
        started_at=started,
        ended_at=ended,
    )
    if state != "completed":
        return record
    return _ended(job, record, info, expires)


_STATUS = {
    "active": JobStatus.ACTIVE,
    "preparing": JobStatus.ACTIVE,  # if its node cannot be prepared, it waits for another
    "completed": JobStatus.FAILED,
}


def _ended(job: JobRecord, record: TaskRecord, info: Mapping[str, Any], expires: float | None) -> TaskRecord:
    failure = info.get("failureInfo") or {}
    code = lower(failure.get("code"))
    if not code and lower(info.get("result") or "success") == "success":
        return with_outcome(record, JobStatus.SUCCEEDED)
    was_ended = code == ENDED or record.exit_code in (_KILLED, exit_codes.TERMINATED)
    if was_ended and _ran_too_long(job, record, failure):
        limit = job.settings.time_limit
        reason = f"it ran longer than its time_constraint of {limit or 0:g} s"
        return with_outcome(record, failure_type=FailureType.TIMED_OUT, reason=reason)
    if code == ENDED:  # from outside: the job or a note says why
        return with_outcome(record, reason=describe_failure(failure))
    if code == _NO_PROGRAM and job.function is None:
        return with_outcome(
            record,
            failure_type=FailureType.NON_ZERO_EXIT,
            exit_code=exit_codes.PROGRAM_NOT_FOUND,
            reason=describe_failure(failure),
        )
    if code in ("", _EXITED):
        return _exited(job, record)
    kind = _BY_CODE.get(code, FailureType.SETUP_FAILED)
    if code in _DENIED and _is_over(expires, record.ended_at or time.time()):
        return with_outcome(record, failure_type=FailureType.ACCESS_EXPIRED, reason=access_expired(job))
    return with_outcome(record, failure_type=kind, reason=describe_failure(failure))


def _exited(job: JobRecord, record: TaskRecord) -> TaskRecord:
    if job.function is not None:
        return record  # its result object says more than its exit code
    if record.exit_code == _KILLED:
        return out_of_memory(record)
    return with_outcome(record, JobStatus.FAILED, *classification.of_command(record.exit_code))


def _ran_too_long(job: JobRecord, record: TaskRecord, failure: Mapping[str, Any]) -> bool:
    """Whether a task was ended for its time limit: Azure says so in words alone, if it does."""
    limit = job.settings.time_limit
    if limit is None:
        return False
    if _TIME_IS_UP in describe_failure(failure):
        return True
    return bool(record.started_at and record.ended_at and record.ended_at - record.started_at >= limit)


def out_of_memory(record: TaskRecord) -> TaskRecord:
    """Killed by SIGKILL, and not by us."""
    reason = f"exit code {_KILLED}: killed by SIGKILL, as the system does for want of memory"
    return with_outcome(record, failure_type=FailureType.OUT_OF_MEMORY, reason=reason)


def was_killed(record: TaskRecord) -> bool:
    """Whether SIGKILL ended the task's process."""
    return record.exit_code == _KILLED


def describe_failure(failure: Mapping[str, Any]) -> str:
    """Azure's failure information as a sentence, without the signatures that its URLs may have."""
    details = [_QUERY.sub(r"\1", str(detail.get("value") or "")) for detail in failure.get("details") or ()]
    more = f" ({'; '.join(filter(None, details))})" if any(details) else ""
    return f"{failure.get('code')}: {failure.get('message')}{more}"


def with_outcome(
    record: TaskRecord,
    status: JobStatus = JobStatus.FAILED,
    failure_type: FailureType | None = None,
    reason: str | None = None,
    exit_code: int | None = None,
) -> TaskRecord:
    """A record with what is known of its end."""
    return msgspec.structs.replace(
        record,
        status=status,
        failure_type=failure_type,
        reason=reason,
        exit_code=record.exit_code if exit_code is None else exit_code,
    )


def never_ran(job: JobRecord, index: int, earlier_attempts: int, azure_job: Mapping[str, Any]) -> TaskRecord:
    """The record of a task that its Azure job has ended without.

    :param earlier_attempts: those that it had in other Azure jobs of the submission.
    """
    failure, reason = why_ended(job, azure_job)
    if failure is None:
        failure = FailureType.ABORTED
        reason = "its submission was cut short before it was added: retry() adds it"
    known = TaskRecord(index, attempts=earlier_attempts + 1)
    return with_outcome(known, failure_type=failure, reason=reason)


def failure_of_preparation(failure: Mapping[str, Any], expires: float | None) -> FailureType:
    """The class of a failure to prepare a node, just now."""
    code = lower(failure.get("code"))
    if code in _DENIED and _is_over(expires, time.time()):
        return FailureType.ACCESS_EXPIRED
    return _BY_CODE.get(code, FailureType.SETUP_FAILED)


def _is_over(expires: float | None, at: float) -> bool:
    """Whether the nodes' signatures have expired by then."""
    return expires is not None and at >= expires
