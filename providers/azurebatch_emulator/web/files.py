"""Files of tasks and of nodes."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone
from typing import BinaryIO, NamedTuple
from urllib.parse import quote

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import files as models
from azurebatch_emulator.protocol.models.common import time_text
from azurebatch_emulator.protocol.models.nodes import NodeState
from azurebatch_emulator.state.task import Task
from azurebatch_emulator.web.conditions import check_conditions
from azurebatch_emulator.web.lists import in_order
from azurebatch_emulator.web.operation import Answer, Call, http_time, operation

_READABLE = (
    NodeState.IDLE,
    NodeState.RUNNING,
    NodeState.OFFLINE,
    NodeState.WAITING_FOR_START_TASK,
    NodeState.START_TASK_FAILED,
    NodeState.LEAVING_POOL,
)
"""The states of a node in which its agent gives out files."""
_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z", re.ASCII)
_BLOCK = 1 << 20
_LAST_TIME = datetime(9999, 12, 31, tzinfo=timezone.utc).timestamp()


class _Tree(NamedTuple):
    """A directory whose files are served."""

    root: str
    url: str
    """Address of its root."""

    def path(self, name: str) -> str:
        """Path of what may be a link.

        :raises BatchServiceError: if there is nothing of that name, or it would lie outside.
        """
        path = os.path.normpath(os.path.join(self.root, name))
        if not os.path.lexists(path) or not self._holds(os.path.dirname(path)):
            raise BatchServiceError("FileNotFound")
        return path

    def status(self, name: str) -> os.stat_result:
        """The status of a file or directory.

        :raises BatchServiceError: if there is none of that name, or it lies outside.
        """
        path = self.path(name)
        try:
            if self._holds(os.path.realpath(path, strict=True)):
                return os.stat(path)
        except OSError:
            pass
        raise BatchServiceError("FileNotFound")

    def open(self, name: str) -> BinaryIO:
        """Open a file.

        :raises BatchServiceError: if there is none of that name, it lies outside or cannot be read.
        """
        self.status(name)
        try:
            # it may be a pipe by now, which would keep us waiting
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise BatchServiceError("IOError") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BatchServiceError("OperationInvalidForCurrentState", "Only files can be downloaded.")
        return os.fdopen(descriptor, "rb")

    def files(self, recursive: bool) -> dict[str, models.NodeFile]:
        """All files and directories, by name; those that vanish meanwhile are left out."""
        return {file.name or "": file for file in self._files(recursive)}

    def _files(self, recursive: bool) -> Iterator[models.NodeFile]:
        pending = [self.root]
        while pending:
            try:
                with os.scandir(pending.pop()) as entries:
                    found = list(entries)
            except OSError:
                continue
            for entry in found:
                try:
                    yield self._file(entry)
                except OSError:
                    continue
                if recursive and entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)

    def _file(self, entry: os.DirEntry[str]) -> models.NodeFile:
        # a name may be no text, which JSON cannot carry
        name = os.fsencode(os.path.relpath(entry.path, self.root)).decode(errors="replace")
        url = f"{self.url}/{quote(name)}"
        if entry.is_dir():
            return models.NodeFile(name=name, url=url, is_directory=True)
        status = entry.stat(follow_symlinks=False)
        properties = models.FileProperties(
            last_modified=_modified(status),
            content_length=str(status.st_size),
            content_type="text/plain",
            file_mode=f"0o{status.st_mode:o}",
        )
        return models.NodeFile(name=name, url=url, is_directory=False, properties=properties)

    def _holds(self, path: str) -> bool:
        root, real = os.path.realpath(self.root), os.path.realpath(path)
        return real == root or real.startswith(root + os.sep)


def _of_task(call: Call) -> _Tree:
    task = call.account.job(call.parameters["jobId"]).task(call.parameters["taskId"])
    return _Tree(_task_directory(call, task), f"{task.resource.url}/files")


def _task_directory(call: Call, task: Task) -> str:
    info = task.resource.node_info
    if info is None or info.node_id is None:
        raise BatchServiceError("TaskFilesUnavailable")
    pool = call.account.pools.get((info.pool_id or "").lower())
    node = pool.nodes.get(info.node_id.lower()) if pool is not None else None
    if node is None:
        raise BatchServiceError("TaskFilesUnavailable")
    directory = node.task_directory(task.job.resource.id, task.resource.id)
    if not os.path.isdir(directory):
        raise BatchServiceError("TaskFilesCleanedup" if task.is_completed else "TaskFilesUnavailable")
    return directory


def _of_node(call: Call) -> _Tree:
    node = call.account.pool(call.parameters["poolId"]).node(call.parameters["nodeId"])
    node.require(*_READABLE)
    return _Tree(node.root, f"{node.resource.url}/files")


@operation("GET", "/jobs/{jobId}/tasks/{taskId}/files")
async def list_task_files(call: Call) -> Answer:
    """GET jobs/{jobId}/tasks/{taskId}/files."""
    return await _list(call, _of_task(call))


@operation("HEAD", "/jobs/{jobId}/tasks/{taskId}/files/{filePath:path}")
def get_task_file_properties(call: Call) -> Answer:
    """HEAD jobs/{jobId}/tasks/{taskId}/files/{filePath}."""
    return _properties(call, _of_task(call))


@operation("GET", "/jobs/{jobId}/tasks/{taskId}/files/{filePath:path}")
def download_task_file(call: Call) -> Answer:
    """GET jobs/{jobId}/tasks/{taskId}/files/{filePath}."""
    return _download(call, _of_task(call))


@operation("DELETE", "/jobs/{jobId}/tasks/{taskId}/files/{filePath:path}")
def delete_task_file(call: Call) -> Answer:
    """DELETE jobs/{jobId}/tasks/{taskId}/files/{filePath}."""
    return _delete(call, _of_task(call))


@operation("GET", "/pools/{poolId}/nodes/{nodeId}/files")
async def list_node_files(call: Call) -> Answer:
    """GET pools/{poolId}/nodes/{nodeId}/files."""
    return await _list(call, _of_node(call))


@operation("HEAD", "/pools/{poolId}/nodes/{nodeId}/files/{filePath:path}")
def get_node_file_properties(call: Call) -> Answer:
    """HEAD pools/{poolId}/nodes/{nodeId}/files/{filePath}."""
    return _properties(call, _of_node(call))


@operation("GET", "/pools/{poolId}/nodes/{nodeId}/files/{filePath:path}")
def download_node_file(call: Call) -> Answer:
    """GET pools/{poolId}/nodes/{nodeId}/files/{filePath}."""
    return _download(call, _of_node(call))


@operation("DELETE", "/pools/{poolId}/nodes/{nodeId}/files/{filePath:path}")
def delete_node_file(call: Call) -> Answer:
    """DELETE pools/{poolId}/nodes/{nodeId}/files/{filePath}."""
    return _delete(call, _of_node(call))


async def _list(call: Call, tree: _Tree) -> Answer:
    found = await asyncio.to_thread(tree.files, call.flag("recursive"))
    return call.page(in_order(found, call.query), "files")


def _properties(call: Call, tree: _Tree) -> Answer:
    status = tree.status(call.parameters["filePath"])
    size = "0" if stat.S_ISDIR(status.st_mode) else str(status.st_size)
    return Answer(200, {"Content-Length": size, **_headers(call, status, tree)})


def _download(call: Call, tree: _Tree) -> Answer:
    file = tree.open(call.parameters["filePath"])
    try:
        status = os.fstat(file.fileno())
        headers = _headers(call, status, tree)
        start, end = _range(call.headers.get("ocp-range") or call.headers.get("range"), status.st_size)
    except BatchServiceError:
        file.close()
        raise
    # a range is answered with 200, and without a length beforehand, as at the service
    return Answer(200, headers, _blocks(file, start, end))


def _headers(call: Call, status: os.stat_result, tree: _Tree) -> dict[str, str]:
    modified = _modified(status)
    check_conditions(call.method, call.headers, last_modified=modified)
    name = quote(call.parameters["filePath"], safe="")
    return {
        "Content-Type": "text/plain",
        "Last-Modified": http_time(modified),
        "ocp-batch-file-isdirectory": str(stat.S_ISDIR(status.st_mode)),
        "ocp-batch-file-mode": f"0o{status.st_mode:o}",
        "ocp-batch-file-url": quote(f"{tree.url}/{name}", safe=""),
    }


def _range(text: str | None, size: int) -> tuple[int, int]:
    """Where the wanted part begins and ends."""
    if text is None:
        return 0, size
    match = _RANGE.match(text.strip())
    if match is None:
        raise BatchServiceError("InvalidHeaderValue", HeaderName="ocp-range", HeaderValue=text)
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    if end <= start:
        raise BatchServiceError("InvalidRange")
    return start, end


async def _blocks(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(start)
        while start < end and (block := await asyncio.to_thread(file.read, min(_BLOCK, end - start))):
            start += len(block)
            yield block


def _delete(call: Call, tree: _Tree) -> Answer:
    path = tree.path(call.parameters["filePath"])
    if not os.path.isdir(path) or os.path.islink(path):
        os.unlink(path)
        return Answer(200)
    if os.listdir(path) and not call.flag("recursive"):
        raise BatchServiceError("OperationInvalidForCurrentState", "The directory is not empty.")
    call.account.context.execution.discard([path])
    return Answer(200)


def _modified(status: os.stat_result) -> str:
    """Tasks may set any time; one beyond the calendar becomes the nearest within it."""
    return time_text(datetime.fromtimestamp(min(max(status.st_mtime, 0), _LAST_TIME), timezone.utc))
