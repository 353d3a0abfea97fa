"""Where everything lies under an agent's root.

::

    agent.sock  agent.lock  agent.log  journal.sqlite
    blobs/                                    laid out as a storage account would be
        job-<id>/                             a job's container, by the Batch File Conventions
            $Inputs/inputs                    all of its elements
            $Results/<task>                   result objects
            <task>/$TaskLog/stdout.txt        streams of the last attempt, stderr.txt beside it
            <task>/$TaskLog/attempt-1/…       streams of earlier attempts
            <task>/$TaskOutput/…              what the task wrote under ./JobOutput/
        remotebatch-objects/                  stored once, named by their content
            functions/  files/  kernels/
            code/<digest>/                    trees of the users' own modules
    scratch/<n>/                              working directories of running tasks
    scratch/fork-server-<pid>/                a fork server's own few files, while it lives
    kept/<job>/<task>/                        working directories of failed tasks
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import IO

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord
from remotebatch.provider.task_ids import numbered_task_id
from remotebatch.storage.conventions import container_name, task_output_path
from remotebatch.storage.filesystem import FilesystemStore

CODE = "code"
_LONGEST_SOCKET_PATH = 100  # Linux takes 107 bytes


class Store:
    """Paths under a root. ``objects`` holds functions, files and kernels."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.blobs = f"{self.root}/blobs"
        self.objects = FilesystemStore(f"{self.blobs}/remotebatch-objects")
        self.journal = f"{self.root}/journal.sqlite"
        self.lock = f"{self.root}/agent.lock"
        self.agent_log = f"{self.root}/agent.log"
        self.scratch = f"{self.root}/scratch"
        self.kept = f"{self.root}/kept"

    def prepare(self) -> None:
        """Make the directories, if need be; only the user may enter."""
        # the last to be made; but a root of an earlier version has no trees
        if os.path.isdir(self.kept) and os.path.isdir(self.objects.path(CODE, "")):
            return
        try:
            os.makedirs(self.root, mode=0o700, exist_ok=True)
            self.objects.prepare(("functions", "files", "kernels", CODE))
            for directory in (self.scratch, self.kept):
                os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise ProviderError(
                f"the Local provider cannot use {self.root!r} ({error}); choose another with root="
            ) from error

    @property
    def socket(self) -> str:
        """The agent's socket: in the root, or, where that is too long a path, in a private directory."""
        path = f"{self.root}/agent.sock"
        if len(path.encode()) <= _LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(self.root.encode()).hexdigest()[:16]
        directory = f"{tempfile.gettempdir()}/remotebatch-{os.getuid()}-{digest}"
        os.makedirs(directory, mode=0o700, exist_ok=True)
        found = os.stat(directory)
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ProviderError(f"{directory} belongs to another user; choose a shorter root=")
        return f"{directory}/agent.sock"

    # -- a job's files ----------------------------------------------------------------------

    def container(self, job: JobRecord) -> str:
        """Directory of a job's container."""
        return f"{self.blobs}/{container_name(job.provider_job_id)}"

    def inputs(self, job: JobRecord) -> str:
        """The inputs object."""
        return f"{self.container(job)}/$Inputs/inputs"

    def results(self, job: JobRecord) -> str:
        """Directory of the result objects."""
        return f"{self.container(job)}/$Results"

    def result(self, job: JobRecord, index: int) -> str:
        """A task's result object."""
        return f"{self.results(job)}/{numbered_task_id(job, index)}"

    def logs(self, job: JobRecord, index: int) -> str:
        """Directory of a task's streams."""
        return f"{self.container(job)}/{numbered_task_id(job, index)}/$TaskLog"

    def stream(self, job: JobRecord, index: int, stream: str) -> str:
        """One of a task's streams."""
        task_id = numbered_task_id(job, index)
        return f"{self.container(job)}/{task_output_path(task_id, 'TaskLog', stream + '.txt')}"

    def outputs(self, job: JobRecord, index: int) -> str:
        """Directory of a task's output files."""
        return f"{self.container(job)}/{numbered_task_id(job, index)}/$TaskOutput"

    def kept_directory(self, job: JobRecord, index: int) -> str:
        """Where a failed task's working directory is kept."""
        return f"{self.kept_directories(job)}/{numbered_task_id(job, index)}"

    def kept_directories(self, job: JobRecord) -> str:
        """Where the working directories of a job's failed tasks are kept."""
        return f"{self.kept}/{job.id}"

    def write_inputs(self, job: JobRecord, write: Callable[[IO[bytes]], object]) -> None:
        """Make a job's container and its inputs object. They are not read before the job is submitted."""
        try:
            for directory in (self.container(job), self.results(job), os.path.dirname(self.inputs(job))):
                os.mkdir(directory)
            with open(self.inputs(job), "xb") as file:
                write(file)
        except BaseException:
            shutil.rmtree(self.container(job), ignore_errors=True)
            raise
