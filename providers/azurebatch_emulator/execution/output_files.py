"""Output files: what a task's node uploads to blob storage when the task has ended."""

from __future__ import annotations

import io
import json
import os
import posixpath
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone
from types import TracebackType
from typing import BinaryIO, NamedTuple, TextIO

from azure.storage.blob import ContainerClient

from azurebatch_emulator.execution.patterns import FilePattern
from azurebatch_emulator.execution.storage import (
    PARALLEL_TRANSFERS,
    REMOTE_ERRORS,
    FailureCodes,
    Storage,
    check_url,
    failure,
    without_signature,
)
from azurebatch_emulator.execution.transfers import require_going_on
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.common import ErrorCategory
from azurebatch_emulator.protocol.models.files import BlobContainerDestination, OutputFile, UploadCondition

_UPLOAD = FailureCodes(
    "FileUploadContainerNotFound",
    "FileUploadAccessDenied",
    "FileUploadTimedOut",
    "FileUploadMiscError",
    "FileUploadConflict",
)


def check(output_file: OutputFile) -> None:
    """Refuse what a node could not upload, whatever files there are.

    :raises ValueError: with a sentence that says why.
    """
    if not output_file.file_pattern:
        raise ValueError("filePattern must not be empty")
    if output_file.destination.container is None:
        raise ValueError("The destination of an output file must be a container")
    check_url(output_file.destination.container.container_url, "containerUrl")


def upload(
    output_files: Sequence[OutputFile],
    wd: str,
    environment: Mapping[str, str],
    succeeded: bool,
    log_directory: str,
    storage: Storage,
    stop: threading.Event | None = None,
) -> None:
    """Upload all files that are due; one that fails does not keep the others back.

    If any are due, `fileuploadout.txt` and `fileuploaderr.txt` in the log directory report how it went.

    :param wd: what relative patterns are relative to.
    :param environment: the task's, for variables in patterns.
    :param succeeded: whether the task's process exited with 0.
    :param stop: once it is set, nothing more is uploaded.
    :raises TaskFailure: for the first file that could not be uploaded.
    :raises TransferStopped: if it was asked to stop.
    """
    stop = stop or threading.Event()
    due = [output_file for output_file in output_files if _is_due(output_file, succeeded)]
    if not due:
        return
    with _Log(log_directory) as log, ThreadPoolExecutor(PARALLEL_TRANSFERS, "upload") as threads:
        uploads = [one for output_file in due for one in _uploads(output_file, wd, environment, storage, log)]
        failures = [failed for failed in threads.map(lambda one: _run(one, log, stop), uploads) if failed]
    if failures:
        raise failures[0]


class _Upload(NamedTuple):
    """One file, and where it goes."""

    pattern: str
    path: str
    blob: str
    container: ContainerClient
    headers: dict[str, str]


def _is_due(output_file: OutputFile, succeeded: bool) -> bool:
    condition = output_file.upload_options.upload_condition
    if condition is UploadCondition.TASK_COMPLETION:
        return True
    return succeeded == (condition is UploadCondition.TASK_SUCCESS)


def _uploads(
    output_file: OutputFile, wd: str, environment: Mapping[str, str], storage: Storage, log: _Log
) -> Iterator[_Upload]:
    destination = output_file.destination.container
    if destination is None:
        return
    pattern = FilePattern(output_file.file_pattern, wd, environment)
    matches = pattern.find()
    container = storage.container(destination.container_url, destination.identity_reference is not None)
    headers = {header.name: header.value or "" for header in destination.upload_headers or ()}
    log.write(
        f"{output_file.file_pattern} matches {len(matches)} file(s) below {pattern.base}, "
        f"to be uploaded to {without_signature(container.url)}"
    )
    for path, name in matches:
        blob = _blob_name(destination, name, pattern.has_wildcard)
        yield _Upload(output_file.file_pattern, path, blob, container, headers)


def _blob_name(destination: BlobContainerDestination, name: str, has_wildcard: bool) -> str:
    """With a wildcard in the pattern, the destination's path is a directory; else it is the blob."""
    if not destination.path:
        return name
    return posixpath.join(destination.path, name) if has_wildcard else destination.path


def _run(one: _Upload, log: _Log, stop: threading.Event) -> TaskFailure | None:
    require_going_on(stop)
    log.write(f"Uploading {one.path} to {one.container.container_name}/{one.blob}")
    try:
        with _open(one.path) as file:
            # A file that still grows is taken as long as it is now.
            length = os.fstat(file.fileno()).st_size
            one.container.upload_blob(
                one.blob, _Heeding(file, stop), length=length, overwrite=True, headers=dict(one.headers)
            )
    except (*REMOTE_ERRORS, OSError, ValueError) as error:  # ValueError: a name that is no text
        failed = failure(error, _UPLOAD, FilePath=one.path, ContainerUrl=one.container.url)
        log.write(f"Uploading {one.path} failed: {failed.details['Message']}")
        log.write_failure(one, failed)
        return failed
    log.write(f"Uploaded {one.path}, {length} bytes")
    return None


def _open(path: str) -> BinaryIO:
    """Open a regular file; anything else, which may have taken its place since it was found, is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would block
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("It is not a regular file")
    return open(descriptor, "rb")


class _Heeding(io.RawIOBase):
    """A file that cannot be read on once it is to stop."""

    def __init__(self, file: BinaryIO, stop: threading.Event) -> None:
        self._file = file
        self._stop = stop

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        require_going_on(self._stop)
        return self._file.read(size)


class _Log:
    """The two files in which the node reports uploads."""

    def __init__(self, directory: str) -> None:
        self._out, self._err = (
            _create(os.path.join(directory, name)) for name in ("fileuploadout.txt", "fileuploaderr.txt")
        )
        self._lock = threading.Lock()

    def __enter__(self) -> _Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()
        self._err.close()

    def write(self, text: str) -> None:
        """Tell how it goes."""
        time = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        with self._lock:
            print(time, text, file=self._out, flush=True)

    def write_failure(self, one: _Upload, failed: TaskFailure) -> None:
        """Tell what failed, as JSON."""
        entry = {
            "code": failed.code,
            "user_error": failed.category is ErrorCategory.USER_ERROR,
            "pattern": one.pattern,
            "file": one.path,
            "destination": failed.details["ContainerUrl"],
        }
        with self._lock:
            print(json.dumps(entry), file=self._err, flush=True)


def _create(path: str) -> TextIO:
    """Make a file again, even if the task has put something else in its place."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return open(os.open(path, flags, 0o644), "w", encoding="utf-8", errors="backslashreplace")
