"""Resource files: what a task wants on its node before it starts, from blob storage or any web server."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeVar

import requests
from azure.storage.blob import BlobClient, BlobProperties, ContainerClient
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry

from azurebatch_emulator.execution.storage import (
    MEBIBYTE,
    PARALLEL_TRANSFERS,
    REMOTE_ERRORS,
    FailureCodes,
    Storage,
    check_url,
    failure,
)
from azurebatch_emulator.execution.transfers import require_going_on
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.files import ResourceFile

Item = TypeVar("Item")
_DEFAULT_MODE = "0770"
_MODE = re.compile(r"[0-7]{1,4}", re.ASCII)
_DOWNLOAD = FailureCodes("BlobNotFound", "BlobAccessDenied", "BlobDownloadTimedOut", "BlobDownloadMiscError")
_LIST = FailureCodes(
    "ResourceContainerNotFound",
    "ResourceContainerAccessDenied",
    "ResourceContainerListTimedOut",
    "ResourceContainerListMiscError",
)
_RETRIES = Retry(
    total=3, read=1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
)


def check(resource_file: ResourceFile) -> None:
    """Refuse what a node could not fetch, whatever the storage holds.

    :raises ValueError: with a sentence that says why.
    """
    if not _stays_inside(resource_file.file_path or "."):
        raise ValueError("filePath must stay inside the task's working directory")
    if not _MODE.fullmatch(resource_file.file_mode or _DEFAULT_MODE):
        raise ValueError("fileMode must be octal, such as 0770")
    if resource_file.http_url is not None:
        check_url(resource_file.http_url, "httpUrl")
    if resource_file.storage_container_url is not None:
        check_url(resource_file.storage_container_url, "storageContainerUrl")
    if resource_file.http_url is not None and resource_file.blob_prefix is not None:
        raise ValueError("blobPrefix goes with a storage container, not with httpUrl")


def fetch(
    resource_files: Sequence[ResourceFile], wd: str, storage: Storage, stop: threading.Event | None = None
) -> None:
    """Place all files in the working directory; of several with the same path the last one stays.

    Each appears whole or not at all.

    :param stop: once it is set, nothing more is fetched or written.
    :raises TaskFailure: for the first that cannot be had or cannot be written.
    :raises TransferStopped: if it was asked to stop.
    """
    if not resource_files:
        return
    stop = stop or threading.Event()
    with _session() as session, ThreadPoolExecutor(PARALLEL_TRANSFERS, "download") as threads:
        found = (file for one in resource_files for file in _files(one, wd, storage, session))
        last = {file.path: file for file in _heeding(found, stop)}
        downloads = [threads.submit(_store, file, stop) for file in last.values()]
        try:
            for download in downloads:
                download.result()
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


class _File(NamedTuple):
    """One file to be fetched."""

    source: str
    path: str
    mode: int
    chunks: Callable[[], AbstractContextManager[Iterable[bytes]]]


def _files(
    resource_file: ResourceFile, wd: str, storage: Storage, session: requests.Session
) -> Iterator[_File]:
    mode = int(resource_file.file_mode or _DEFAULT_MODE, 8)
    as_account = resource_file.identity_reference is not None
    directory = resource_file.file_path or ""
    url = resource_file.http_url
    if url is not None:
        chunks = (
            partial(_of_blob, storage.own_blob(url))
            if as_account
            else partial(_over_http, session, storage.address(url), storage.request_options)
        )
        yield _File(url, _inside(wd, directory), mode, chunks)
        return
    url = resource_file.storage_container_url
    if url is not None:
        container = storage.container(url, as_account)
    else:
        container = storage.own_container(resource_file.auto_storage_container_name or "")
    for name in _blob_names(container, resource_file.blob_prefix):
        blob = container.get_blob_client(name)
        yield _File(blob.url, _inside(wd, posixpath.join(directory, name)), mode, partial(_of_blob, blob))


def _blob_names(container: ContainerClient, prefix: str | None) -> list[str]:
    try:
        blobs = list(container.list_blobs(name_starts_with=prefix, include=["metadata"]))
    except REMOTE_ERRORS as error:
        raise failure(error, _LIST, StorageContainerUrl=container.url) from error
    return [blob.name for blob in blobs if not _is_directory(blob)]


def _is_directory(blob: BlobProperties) -> bool:
    """Some tools, and accounts with directories, keep an empty blob for each directory."""
    return blob.name.endswith("/") or (blob.metadata or {}).get("hdi_isfolder") == "true"


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
    return session


@contextmanager
def _of_blob(blob: BlobClient) -> Iterator[Iterable[bytes]]:
    yield blob.download_blob().chunks()


@contextmanager
def _over_http(session: requests.Session, url: str, options: dict[str, Any]) -> Iterator[Iterable[bytes]]:
    # The file is what the server stores: it is neither to be packed nor unpacked on the way.
    headers = {"Accept-Encoding": "identity"}
    with session.get(url, stream=True, headers=headers, **options) as response:
        response.raise_for_status()
        yield _arriving(response.raw)


def _arriving(body: BaseHTTPResponse) -> Iterator[bytes]:
    """A body as it comes in: a reader need not wait for whole chunks of a slow server."""
    while chunk := body.read1(MEBIBYTE, decode_content=False):
        yield chunk


def _heeding(items: Iterable[Item], stop: threading.Event) -> Iterator[Item]:
    for item in items:
        require_going_on(stop)
        yield item


def _store(file: _File, stop: threading.Event) -> None:
    directory = os.path.dirname(file.path)
    require_going_on(stop)
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise _local_failure("ResourceDirectoryCreateFailed", file, error) from error
    try:
        descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".")
    except OSError as error:
        raise _local_failure("ResourceFileCreateFailed", file, error) from error
    try:
        with open(descriptor, "wb") as local, file.chunks() as chunks:
            local.writelines(_heeding(chunks, stop))
            os.fchmod(descriptor, file.mode)
        require_going_on(stop)
        os.replace(temporary, file.path)
    except REMOTE_ERRORS as error:
        raise failure(error, _DOWNLOAD, BlobSource=file.source, FilePath=file.path) from error
    except OSError as error:
        raise _local_failure("ResourceFileWriteFailed", file, error) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _local_failure(code: str, file: _File, error: OSError) -> TaskFailure:
    if error.errno == errno.ENOSPC:
        code = "DiskFull"
    return TaskFailure(code, FilePath=file.path, Message=str(error))


def _inside(wd: str, relative: str) -> str:
    """A path in the working directory; what a retried task left there may point out of it, too."""
    path = os.path.normpath(os.path.join(wd, relative))
    real_wd = os.path.realpath(wd)
    real_directory = os.path.realpath(os.path.dirname(path))
    if not _stays_inside(relative) or os.path.commonpath((real_wd, real_directory)) != real_wd:
        raise TaskFailure(
            "ResourceFileCreateFailed",
            FilePath=relative,
            Message="The path leaves the task's working directory",
        )
    return path


def _stays_inside(path: str) -> bool:
    return not posixpath.isabs(path) and posixpath.normpath(path).split("/")[0] != ".."
