"""What a job is, where it stands, and why it failed."""

from __future__ import annotations

import enum

import msgspec


class _Printed(enum.Enum):
    """An enumeration that prints as its value."""

    def __str__(self) -> str:
        return str(self.value)


class JobType(_Printed):
    """Kinds of job objects."""

    SINGLE = "Single"
    ARRAY = "Array"
    ARRAY_CHILD = "ArrayChild"


class JobStatus(_Printed):
    """Where a job stands. It only ever moves down this list, except by ``retry()``."""

    ACTIVE = "Active"
    """Queued; for an array: children are still waiting or running."""
    RUNNING = "Running"
    """On a node: downloading inputs, evaluating, or uploading outputs."""
    SUCCEEDED = "Succeeded"
    """The evaluation has succeeded and its output is stored."""
    FAILED = "Failed"
    """It has ended otherwise; see the failure type and the status reason."""
    COMPLETED = "Completed"
    """Arrays only: every child has succeeded or failed."""

    @property
    def final(self) -> bool:
        """Whether a job in this status has ended."""
        return self in _FINAL


_FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.COMPLETED})


class FailureType(_Printed):
    """Why a job failed. The failure guide in the documentation says what to do about each."""

    USER_EXCEPTION = "UserException"
    """The function raised."""
    NON_ZERO_EXIT = "NonZeroExit"
    """The process ended with a non-zero exit code or was killed by a signal from elsewhere."""
    OUT_OF_MEMORY = "OutOfMemory"
    """The task needed more memory than it was given or the node has."""
    TIMED_OUT = "TimedOut"
    """The task ran longer than its time_constraint."""
    ABORTED = "Aborted"
    """The task was asked to end, by abort() or from outside."""
    NODE_LOST = "NodeLost"
    """What ran the task went away, more often than a task is requeued for it."""
    PREEMPTED = "Preempted"
    """The node was taken away by its owner."""
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    """The container image could not be had."""
    INPUT_UNAVAILABLE = "InputUnavailable"
    """The packed function or its inputs could not be read on the node."""
    VERSION_MISMATCH = "VersionMismatch"
    """The Python on the node cannot run a function packed by the caller's."""
    MODULE_MISSING = "ModuleMissing"
    """A module that the function needs is not installed on the node."""
    RESULT_UNAVAILABLE = "ResultUnavailable"
    """The result could not be pickled or stored, or what is stored is not whole."""
    UPLOAD_FAILED = "UploadFailed"
    """What the task wrote could not be stored."""
    ACCESS_EXPIRED = "AccessExpired"
    """The time was over for which the task could read and write its files."""
    SETUP_FAILED = "SetupFailed"
    """The task's directory, streams or container could not be set up."""


class Counts(msgspec.Struct, frozen=True):
    """How many tasks of a job are in each status."""

    active: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All tasks."""
        return self.active + self.running + self.succeeded + self.failed

    @property
    def finished(self) -> int:
        """Tasks that have succeeded or failed."""
        return self.succeeded + self.failed
