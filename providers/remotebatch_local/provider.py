"""The Local provider: what the library calls.

Files are read directly from the store; everything else is asked of the agent.
"""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import platformdirs

from remotebatch.errors import ProviderError
from remotebatch.packing.kernel_archive import kernel_archive, kernel_digest
from remotebatch.provider import (
    Changes,
    Counts,
    JobListing,
    JobRecord,
    OutputFile,
    Provider,
    Stream,
    Submission,
    Wake,
    record_from_plain,
)
from remotebatch.provider.recording import record_of
from remotebatch.provider.task_ids import numbered_task_id
from remotebatch.settings import JobSettings
from remotebatch.validation import check
from remotebatch_kernel.formats import inputs
from remotebatch_local.agent.client import AgentClient, inherited_environment
from remotebatch_local.pools import LocalPools
from remotebatch_local.settings import LocalProperties, LocalSettings
from remotebatch_local.store import CODE, Store


class LocalProvider(Provider):
    """Runs jobs on this machine, under an agent that outlives the client."""

    name: ClassVar[str] = "Local"
    settings_type: ClassVar[type[JobSettings]] = LocalSettings

    def __init__(self, **properties: Any) -> None:
        if sys.platform != "linux":
            raise ProviderError(f"the Local provider needs Linux; this is {sys.platform}")
        if isinstance(properties.get("root"), os.PathLike):
            properties["root"] = os.fspath(properties["root"])
        given = check(LocalProperties, properties, "property")
        root = given.root or platformdirs.user_data_dir("remotebatch", appauthor=False)
        self._store = Store(os.path.expanduser(root))
        self._given = given
        self._agent = AgentClient(self._store, given.slots, given.gpus)

    @property
    def properties(self) -> Mapping[str, Any]:
        """The environment's properties, the root always among them."""
        return {"root": self._store.root, "slots": self._given.slots, "gpus": self._given.gpus}

    @property
    def pools(self) -> LocalPools:
        """The one pool, this machine."""
        return LocalPools(self._agent)

    @property
    def agent(self) -> AgentClient:
        """The agent, for the command line."""
        return self._agent

    def check(self, settings: JobSettings) -> None:
        """Refuse an image that is not available; the agent refuses what does not fit the pool."""
        assert isinstance(settings, LocalSettings)
        if settings.container_image is not None:
            from remotebatch_execution.runners.containers import require_image  # docker is slow to import

            require_image(settings.container_image)
        elif settings.network is not None:
            raise ProviderError("network is a setting for containers; give a container_image too")

    def submit(self, submission: Submission) -> JobRecord:
        """Store the submission and start the job."""
        store = self._store
        store.prepare()
        try:
            record = self._store_submission(submission)
        except OSError as error:
            raise ProviderError(
                f"job {submission.name!r} cannot be stored under {store.root}: {error}"
            ) from error
        try:
            self._agent.call("submit", record=record)
        except BaseException:
            shutil.rmtree(store.container(record), ignore_errors=True)
            raise
        return record

    def jobs(self) -> list[JobListing]:
        """Single and Array jobs, newest first."""
        listed, unreadable = self._agent.call("jobs")
        for reason in unreadable:
            warnings.warn(reason, stacklevel=3)
        return [
            JobListing(
                record_from_plain(line["record"], LocalSettings),
                line["finished"],
                msgspec.convert(line["counts"], Counts),
            )
            for line in listed
        ]

    def job(self, job_id: str) -> JobRecord:
        """The job of that id."""
        return record_from_plain(self._agent.call("job", job=job_id), LocalSettings)

    def counts(self, job: JobRecord) -> Counts:
        """How many tasks are in each status."""
        return msgspec.convert(self._agent.call("counts", job=job.id), Counts)

    def task_id(self, job: JobRecord, index: int) -> str:
        """Id of a task, by which its files are named."""
        return numbered_task_id(job, index)

    def poll(
        self, cursors: Mapping[str, str], timeout: float = 0.0, wake: Wake | None = None
    ) -> dict[str, Changes]:
        """Report what has changed; a long poll, which costs nothing while nothing changes."""
        arguments = {"cursors": dict(cursors), "timeout": timeout}
        answer = self._agent.poll(wake, **arguments) if timeout > 0 else self._agent.call("poll", **arguments)
        return msgspec.convert(answer, dict[str, Changes])

    def read_result(self, job: JobRecord, index: int) -> bytes:
        """The result object of a task."""
        with open(self._store.result(job, index), "rb") as file:
            return file.read()

    def save_result(self, job: JobRecord, index: int, to: Path) -> None:
        """Copy the result object of a task to a file."""
        shutil.copyfile(self._store.result(job, index), to)

    def read_command(self, job: JobRecord, index: int) -> list[str]:
        """The argument list of a task that is a command."""
        return list(inputs.read_span(self._store.inputs(job), index, 1)[0][0])

    def read_stream(self, job: JobRecord, index: int, stream: Stream, offset: int = 0) -> bytes:
        """What a task has written so far, from a byte offset."""
        try:
            with open(self._store.stream(job, index, stream), "rb") as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""

    def output_files(self, job: JobRecord, index: int) -> list[OutputFile]:
        """Files that a task wrote under ``./JobOutput/``."""
        root = Path(self._store.outputs(job, index))
        found = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        return sorted(
            (OutputFile(path.relative_to(root).as_posix(), path.stat().st_size) for path in found),
            key=lambda file: file.name,
        )

    def download(self, job: JobRecord, index: int, name: str, to: Path) -> None:
        """Copy one of those files to a local path."""
        shutil.copyfile(Path(self._store.outputs(job, index)) / name, to)

    def abort(self, job: JobRecord, indices: Sequence[int] | None, reason: str) -> None:
        """End tasks with everything they started."""
        self._agent.call("abort", job=job.id, indices=indices, reason=reason)

    def retry(self, job: JobRecord, indices: Sequence[int] | None) -> None:
        """Run failed tasks again."""
        self._agent.call("retry", job=job.id, indices=indices)

    def delete(self, job: JobRecord) -> None:
        """End the job and remove all that is stored of it."""
        self._agent.call_apart("delete", job=job.id)

    def close(self) -> None:
        """Close the connections; the agent and its jobs go on."""
        self._agent.close()

    def _store_submission(self, submission: Submission) -> JobRecord:
        store, function = self._store, submission.function
        store.objects.put("kernels", kernel_digest(), kernel_archive)
        if function is not None:
            store.objects.put("functions", function.digest, lambda: function.data)
            if function.code is not None:
                function.code.lay(store.objects.path(CODE, function.code.description.digest))
        record = record_of(
            submission,
            submission.id,
            lambda source: store.objects.put_file("files", source),
            base_environment=inherited_environment(),
            python=sys.executable,
            preload=function.preload if function else [],
            code=function.code.description.digest if function and function.code else None,
        )
        store.write_inputs(record, submission.inputs.write_to)
        return record
