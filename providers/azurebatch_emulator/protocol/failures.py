"""Why a task failed: every code that `failureInfo` may carry, with Azure's category and sentence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from azurebatch_emulator.protocol.models.common import ErrorCategory


class TaskFailure(Exception):
    """A task that cannot begin, that ended badly, or whose output cannot be stored.

    `code` decides category and message. Details have the names that Azure gives them:

        TaskFailure("BlobNotFound", BlobSource=url, FilePath=path)
    """

    code: Final[str]
    category: Final[ErrorCategory]
    message: Final[str]
    details: Final[Mapping[str, str]]

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code)
        self.code = code
        self.category, self.message = FAILURES[code]
        self.details = {name: _readable(value) for name, value in details.items()}

    def __str__(self) -> str:
        details = "".join(f"\n{name}: {value}" for name, value in self.details.items())
        return f"{self.code} ({self.category}): {self.message}{details}"


def nonzero_exit_code() -> TaskFailure:
    """The task ran and said by its exit code that it failed."""
    return TaskFailure(
        "FailureExitCode",
        Message="The task process exited with an unexpected exit code",
        AdditionalErrorCode="FailureExitCode",
    )


def wall_clock_exceeded() -> TaskFailure:
    """The task ran longer than its `maxWallClockTime` and was killed."""
    return TaskFailure(
        "TaskEnded",
        Message="The maximum execution time configured on the task was exceeded",
        AdditionalErrorCode="FailureExitCode",
    )


def ended_by_user() -> TaskFailure:
    """The task or its job was terminated by a request."""
    return TaskFailure("TaskEnded")


def _readable(text: str) -> str:
    """File names may hold bytes that are no text, which JSON cannot carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


_BEFORE_THE_RUN = {
    ErrorCategory.USER_ERROR: {
        "BlobAccessDenied": "Access for one of the specified Azure Blob(s) is denied",
        "BlobNotFound": "One of the specified Azure Blob(s) is not found",
        "CommandLaunchFailed": "Failed to launch the specified command line",
        "CommandProgramNotFound": "The specified command program is not found",
        "ContainerInvalidImage": "One or more container images specified are invalid",
        "ContainerInvalidRegistry": "One or more container registries specified are invalid",
        "ContainerInvalidSettings": "At least one value of specified task container settings is invalid",
        "ContainerPoolNotSupported": "The pool of the task does not support containers",
        "ResourceContainerAccessDenied": (
            "Access for one of the specified Azure Blob container(s) is denied"
        ),
        "ResourceContainerNotFound": "One of the specified Azure Blob container(s) is not found",
    },
    ErrorCategory.SERVER_ERROR: {
        "BlobDownloadMiscError": (
            "Miscellaneous error encountered while downloading one of the specified Azure Blob(s)"
        ),
        "BlobDownloadTimedOut": ("Timeout encountered while downloading one of the specified Azure Blob(s)"),
        "ContainerMiscError": "Miscellaneous error encountered while running the task in a container",
        "DiskFull": "There is not enough disk space on the node that was selected to run the task",
        "ResourceContainerListMiscError": (
            "Miscellaneous error encountered while listing one of the specified Azure Blob container(s)"
        ),
        "ResourceContainerListTimedOut": (
            "Timeout encountered while listing one of the specified Azure Blob container(s)"
        ),
        "ResourceDirectoryCreateFailed": "Failure encountered creating resource directory for the task",
        "ResourceFileCreateFailed": "Failure encountered creating resource file",
        "ResourceFileWriteFailed": "Failure encountered writing resource file",
    },
}

_RUN = {
    ErrorCategory.USER_ERROR: {
        "FailureExitCode": "The task exited with an exit code representing a failure",
        "TaskEnded": "Task Was Ended by User Request",
    },
    ErrorCategory.SERVER_ERROR: {
        # not one of Azure's: there a node goes away, here the program that starts its tasks does
        "TaskLost": "What ran the task went away each time that it was tried",
    },
}

_AFTER_THE_RUN = {
    ErrorCategory.USER_ERROR: {
        "FileUploadAccessDenied": "Access to one of the specified file upload destinations was denied",
        "FileUploadContainerNotFound": (
            "One of the specified Azure container(s) was not found while attempting to upload an output file"
        ),
    },
    ErrorCategory.SERVER_ERROR: {
        "FileUploadConflict": "A conflict was encountered while uploading one of the output files",
        "FileUploadMiscError": "Miscellaneous error encountered while uploading one of the output files",
        "FileUploadTimedOut": "Timeout encountered while uploading one of the output files",
    },
}

_ANY_TIME = {
    ErrorCategory.SERVER_ERROR: {
        "InternalError": "The service encountered an internal error while it carried out the task",
    },
}

FAILURES: Final[Mapping[str, tuple[ErrorCategory, str]]] = MappingProxyType(
    {
        code: (category, message)
        for stage in (_BEFORE_THE_RUN, _RUN, _AFTER_THE_RUN, _ANY_TIME)
        for category, messages in stage.items()
        for code, message in messages.items()
    }
)
"""Every code, with its category and its message."""

FILE_UPLOAD_FAILURES: Final = frozenset(code for messages in _AFTER_THE_RUN.values() for code in messages)
"""The codes that an exit condition calls `fileUploadError`."""

PRE_PROCESSING_FAILURES: Final = frozenset(code for messages in _BEFORE_THE_RUN.values() for code in messages)
"""The codes that an exit condition calls `preProcessingError`."""
