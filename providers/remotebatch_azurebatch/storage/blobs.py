"""The storage account's side of a job: its container, its objects, and what its tasks have stored."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, TypeVar

from azure.core.credentials import AccessToken, AzureNamedKeyCredential, TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient
from azure.storage.blob.aio import ContainerClient as AsyncContainerClient

from remotebatch_azurebatch.accounts.clients import blob_client
from remotebatch_azurebatch.accounts.connection import StorageAccount
from remotebatch_azurebatch.accounts.errors import BEING_DELETED, code_of, explain, translated
from remotebatch_azurebatch.accounts.retries import AsyncBlobRetry
from remotebatch_azurebatch.storage import layout

_SMALL = 512 * 1024
"""Bytes that are sent rather than asked for first whether they are there."""
_KNOWN_FOR = 600.0
"""Seconds for which an object that was seen to be stored is taken to be."""
_WRITERS = 4
_READERS = 16
_AHEAD = 2 * _READERS
"""Blobs that may be held in memory before they are taken."""
_BATCH = 256
"""Blobs that one request may delete (Azure)."""
_FIRST_RETRIES, _FIRST_TIMEOUT = 2, 5.0
_IN_MEMORY = 4 * 1024 * 1024
_PREFIX_BYTES = 64 * 1024

Result = TypeVar("Result")


@dataclass(frozen=True)
class Blob:
    """A blob's content, or the beginning of it."""

    data: bytes
    modified: float
    """When it was stored, in seconds since the epoch by the service's clock."""


class BlobStore:
    """What remotebatch does with a storage account."""

    def __init__(self, account: StorageAccount) -> None:
        self._account = account
        self.client: BlobServiceClient = blob_client(account)
        self._known: dict[str, float] = {}
        self._known_lock = threading.Lock()

    def close(self) -> None:
        """Give up the connections."""
        self.client.close()

    # -- what is named by content -----------------------------------------------------------

    def put_object(self, name: str, data: bytes) -> None:
        """Store an object that its content names, unless it is there."""
        self._put_object(name, len(data), lambda: data)

    def put_objects(self, objects: Mapping[str, bytes]) -> None:
        """Store several of them, a few at a time."""
        with ThreadPoolExecutor(_WRITERS, "remotebatch-store") as executor:
            storing = [executor.submit(self.put_object, *each) for each in objects.items()]
            try:
                for stored in storing:
                    stored.result()
            except BaseException:
                executor.shutdown(wait=True, cancel_futures=True)
                raise

    def put_file(self, source: bytes | Path) -> str:
        """Store a file's content, however large, and return its digest.

        :raises OSError: if the file cannot be read.
        """
        with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
            digest = _digest(file)
            size = file.seek(0, io.SEEK_END)

            def content() -> IO[bytes]:
                file.seek(0)
                return file

            self._put_object(layout.file_object(digest), size, content)
        return digest

    def _put_object(self, name: str, size: int, content: Callable[[], bytes | IO[bytes]]) -> None:
        with self._known_lock:
            known_until = self._known.get(name, 0.0)
        if time.monotonic() < known_until:
            return
        asked = size > _SMALL or known_until > 0.0
        blob = self.client.get_blob_client(layout.OBJECTS, name)
        with translated(f"{name} cannot be stored in account {self._account.name!r}"):
            if not asked or not blob.exists():
                self._upload_object(blob, content)
        with self._known_lock:
            self._known[name] = time.monotonic() + _KNOWN_FOR

    def _upload_object(self, blob: Any, content: Callable[[], bytes | IO[bytes]]) -> None:
        try:
            with _unless_there():
                blob.upload_blob(content(), overwrite=False)
        except ResourceNotFoundError:  # the account's first job: its container of objects is not there yet
            with _unless_there():  # by another client's first job
                self.client.create_container(layout.OBJECTS)
            with _unless_there():
                blob.upload_blob(content(), overwrite=False)

    # -- a job's container ------------------------------------------------------------------

    def make_container(self, name: str) -> None:
        """Make a job's container; that it is there already, from a repeated call, does no harm.

        It is the first request of a job to the account: if that cannot be reached, the error comes soon.
        """
        doing = f"container {name!r} cannot be made in account {self._account.name!r}"
        with translated(doing), _unless_there():
            self.client.create_container(name, retry_total=_FIRST_RETRIES, connection_timeout=_FIRST_TIMEOUT)

    def delete_container(self, name: str) -> None:
        """Remove a container with everything in it, if it is there."""
        with translated(f"container {name!r} cannot be removed"), suppress(ResourceNotFoundError):
            self.client.delete_container(name)

    def write(self, container: str, name: str, write: Callable[[IO[bytes]], object]) -> None:
        """Store a blob that is written as a file; a large one never lies in memory whole."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            write(file)
            file.seek(0)
            with translated(f"blob {name!r} cannot be stored in container {container!r}"):
                self._container(container).upload_blob(name, file, overwrite=True)

    def read(self, container: str, name: str, offset: int | None = None) -> Blob:
        """Read a blob, or what of it lies beyond an offset.

        :raises FileNotFoundError: if it, or the container, is not there.
        """
        with self._reading(container, name):
            try:
                stream = self._container(container).download_blob(name, offset or None)
                return Blob(stream.readall(), stream.properties.last_modified.timestamp())
            except HttpResponseError as error:
                if error.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise
                return Blob(b"", 0.0)  # nothing lies beyond the offset, so far

    def download(self, container: str, name: str, to: Path) -> None:
        """Copy a blob to a file, a piece at a time.

        :raises FileNotFoundError: if it is not there.
        """
        with self._reading(container, name):
            stream = self._container(container).download_blob(name)
            with open(to, "wb") as file:
                stream.readinto(file)

    def _reading(self, container: str, name: str) -> AbstractContextManager[None]:
        missing = FileNotFoundError(f"there is no blob {name!r} in container {container!r}")
        return translated(f"blob {name!r} of container {container!r} cannot be read", missing)

    def list_blobs(self, container: str, directory: str) -> Iterator[BlobProperties]:
        """All blobs below a virtual directory; none where there is no such container."""
        with translated(f"container {container!r} cannot be listed"), suppress(ResourceNotFoundError):
            yield from self._container(container).list_blobs(name_starts_with=f"{directory}/")

    def delete_of_tasks(self, container: str, task_ids: Collection[str]) -> None:
        """Remove all that is stored of some tasks, so that none of it passes for what comes after."""
        with translated(f"container {container!r} cannot be cleared"):
            names = [
                name
                for name in self._container(container).list_blob_names()
                if layout.task_of(name) in task_ids
            ]
            for start in range(0, len(names), _BATCH):
                self._container(container).delete_blobs(
                    *names[start : start + _BATCH], raise_on_any_failure=False
                )

    def modified(self, container: str, name: str) -> float:
        """When a blob was stored, in seconds since the epoch by the service's clock.

        :raises FileNotFoundError: if it is not there.
        """
        with self._reading(container, name):
            properties = self._container(container).get_blob_client(name).get_blob_properties()
            return float(properties.last_modified.timestamp())

    def read_many(
        self, container: str, names: Iterable[str], whole: bool = True
    ) -> Iterator[Blob | FileNotFoundError]:
        """Read blobs at the same time, and yield them in order; few are in memory at once.

        :param whole: whether all of each is wanted, or only its beginning.
        :returns: for each name the blob, or the error that there is none.
        :raises ProviderError: if one cannot be read for another reason, which says nothing of its task.
        """
        reader = _Reader(self._account, container, None if whole else _PREFIX_BYTES)
        return reader.read(iter(names))

    def _container(self, name: str) -> ContainerClient:
        return self.client.get_container_client(name)


class _Reader:
    """Reads many blobs over an event loop in a thread of its own: its user may be in one already."""

    def __init__(self, account: StorageAccount, container: str, length: int | None) -> None:
        self._account = account
        self._name = container
        self._range = (None, None) if length is None else (0, length)

    def read(self, names: Iterator[str]) -> Iterator[Blob | FileNotFoundError]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="remotebatch-reader", daemon=True)
        thread.start()

        def run(work: Coroutine[Any, Any, Result]) -> Result:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        try:
            container = run(self._connect())
            try:
                yield from self._in_order(loop, container, names)
            finally:
                run(_cancel_rest())
                run(container.close())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _connect(self) -> AsyncContainerClient:
        given = self._account.credential
        credential = given if isinstance(given, AzureNamedKeyCredential) else _AsyncCredential(given)
        return AsyncContainerClient(self._account.url, self._name, credential, retry_policy=AsyncBlobRetry())

    def _in_order(
        self, loop: asyncio.AbstractEventLoop, container: AsyncContainerClient, names: Iterator[str]
    ) -> Iterator[Blob | FileNotFoundError]:
        places = asyncio.Semaphore(_READERS)
        waiting: deque[Future[Blob | FileNotFoundError]] = deque()
        for name in names:
            waiting.append(asyncio.run_coroutine_threadsafe(self._read(container, places, name), loop))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    async def _read(
        self, container: AsyncContainerClient, places: asyncio.Semaphore, name: str
    ) -> Blob | FileNotFoundError:
        async with places:
            try:
                stream = await container.download_blob(name, *self._range)
                data = await stream.readall()
                return Blob(data, stream.properties.last_modified.timestamp())
            except ResourceNotFoundError:
                return FileNotFoundError(f"there is no blob {name!r} in container {self._name!r}")
            except AzureError as error:
                raise explain(error, f"blob {name!r} of container {self._name!r} cannot be read") from error


class _AsyncCredential:
    """A credential of azure-identity for the asynchronous client, which is asked in a thread."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return await asyncio.to_thread(self._credential.get_token, *scopes, **options)

    async def close(self) -> None:
        """Nothing: it is not ours to close."""

    async def __aenter__(self) -> _AsyncCredential:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing, likewise."""


async def _cancel_rest() -> None:
    """What was begun and is not wanted any more."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


@contextmanager
def _unless_there() -> Iterator[None]:
    """For what is made unless it is there. A container that is being deleted is not, but has its name."""
    try:
        yield
    except ResourceExistsError as error:
        if code_of(error) == BEING_DELETED:
            raise


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
