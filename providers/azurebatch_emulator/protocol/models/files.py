"""Files: those a task brings in and sends out, and those that lie on a node."""

from azurebatch_emulator.protocol.models.common import (
    Body,
    IdentityReference,
    Model,
    Time,
    Value,
    Word,
    check_times,
)


class UploadCondition(Word):
    """When an output file is uploaded."""

    TASK_SUCCESS = "TaskSuccess"
    TASK_FAILURE = "TaskFailure"
    TASK_COMPLETION = "TaskCompletion"


class ResourceFile(Value, frozen=True):
    """A file, or a container of them, brought to the node before the task starts."""

    auto_storage_container_name: str | None = None
    storage_container_url: str | None = None
    http_url: str | None = None
    blob_prefix: str | None = None
    file_path: str | None = None
    file_mode: str | None = None
    identity_reference: IdentityReference | None = None

    def __post_init__(self) -> None:
        sources = (self.auto_storage_container_name, self.storage_container_url, self.http_url)
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "Exactly one of autoStorageContainerName, storageContainerUrl and httpUrl must be given"
            )
        if self.http_url is not None and not self.file_path:
            raise ValueError("filePath is required with httpUrl")


class UploadHeader(Value, frozen=True):
    """A header to send with an upload."""

    name: str
    value: str | None = None


class BlobContainerDestination(Value, frozen=True):
    """The blob container that output files go to."""

    container_url: str
    path: str | None = None
    identity_reference: IdentityReference | None = None
    upload_headers: list[UploadHeader] | None = None


class OutputFileDestination(Value, frozen=True):
    """Where output files go to."""

    container: BlobContainerDestination | None = None


class UploadOptions(Value, frozen=True):
    """How output files are uploaded."""

    upload_condition: UploadCondition


class OutputFile(Value, frozen=True):
    """Files to upload when the task has ended."""

    file_pattern: str
    destination: OutputFileDestination
    upload_options: UploadOptions


class FileProperties(Model):
    """What is known of a file."""

    last_modified: str
    content_length: str  # a string on the wire
    creation_time: str | None = None
    content_type: str | None = None
    file_mode: str | None = None


class NodeFile(Model):
    """A file or directory on a node."""

    name: str | None = None
    url: str | None = None
    is_directory: bool | None = None
    properties: FileProperties | None = None


class UploadLogs(Body):
    """POST uploadbatchservicelogs."""

    container_url: str
    start_time: Time
    end_time: Time | None = None
    identity_reference: IdentityReference | None = None

    def __post_init__(self) -> None:
        check_times(self.start_time, self.end_time)


class UploadLogsResult(Model):
    """The answer to POST uploadbatchservicelogs."""

    virtual_directory_name: str
    number_of_files_uploaded: int
