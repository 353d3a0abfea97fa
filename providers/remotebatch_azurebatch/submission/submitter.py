"""From a packed submission to Azure Batch jobs: what is stored, in which order, what happens on failure."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Mapping, Sequence

import msgspec
from azure.batch import BatchClient

from remotebatch.errors import ProviderError
from remotebatch.provider import JobRecord, Submission, TaskRecord
from remotebatch.provider.recording import record_of
from remotebatch.storage.conventions import container_name
from remotebatch_azurebatch.accounts.connection import Connection
from remotebatch_azurebatch.batch import ids, job_requests, metadata, queries
from remotebatch_azurebatch.batch.parts import PlacedPart, latest, part_of
from remotebatch_azurebatch.pools.facts import PoolFacts
from remotebatch_azurebatch.settings import AzureBatchSettings, Registry, settings_of
from remotebatch_azurebatch.storage import layout
from remotebatch_azurebatch.storage.blobs import BlobStore
from remotebatch_azurebatch.submission.access import Access, Signer
from remotebatch_azurebatch.submission.code_objects import code_objects
from remotebatch_azurebatch.submission.commands import packed_commands, stored_commands
from remotebatch_azurebatch.submission.launch import Launch
from remotebatch_azurebatch.submission.plan import INPUTS_VARIABLE, JobPlan
from remotebatch_azurebatch.submission.program import pack_program
from remotebatch_kernel.formats import inputs

_INLINE = 6 * 1024
"""Bytes of inputs that travel in the Azure job itself rather than in a blob."""
_log = logging.getLogger("remotebatch")


class Submitter:
    """Makes jobs, and further parts of them."""

    def __init__(self, connection: Connection, client: BatchClient, store: BlobStore) -> None:
        self._connection = connection
        self._client = client
        self._store = store
        self._signer = Signer(connection.storage, store.client)

    def submit(
        self, submission: Submission, pools: Sequence[PoolFacts]
    ) -> tuple[JobRecord, list[PlacedPart]]:
        """Store a submission and start its jobs, one on each pool that gets any of its tasks.

        If anything goes wrong, an interrupt by the user included, nothing of the job is left.

        :returns: its record, and its parts.
        """
        settings = submission.settings
        assert isinstance(settings, AzureBatchSettings)
        function = submission.function
        program = pack_program(function) if function else None
        code = code_objects(function.code) if function else {}
        commands = packed_commands(submission.inputs) if program is None else None
        small = inline(submission)
        azure_id = ids.first_part(submission.id)
        # first, so that an account which does not answer is known soon
        self._store.make_container(container_name(azure_id))
        try:
            record = self._record(submission, settings)
            if program is not None:
                self._store.put_object(layout.program_object(program.digest), program.data)
            self._store.put_objects({layout.code_object(digest): data for digest, data in code.items()})
            if small is None:
                self._store.write(layout.container(record), layout.INPUTS, submission.inputs.write_to)
            digest = program.digest if program else None
            plan = self._plan(record, digest, list(code), small, commands)
            return record, Launch(self._client, plan).start(deal(record.task_count, pools))
        except BaseException:
            self._undo(azure_id)
            raise

    def retry(
        self, record: JobRecord, parts: Sequence[PlacedPart], tasks: Sequence[TaskRecord]
    ) -> list[PlacedPart]:
        """Add failed tasks once more, in further parts, with new access to storage.

        :param parts: the submission's parts so far.
        :returns: the new parts.
        """
        origin = queries.get_part(self._client, record, parts[0].part)
        objects = metadata.objects_of(origin)
        program = next((name for name in objects if layout.is_program(name)), None)
        code = [name.rpartition("/")[2] for name in objects if layout.is_code(name)]
        commands = None
        if record.function is None:
            commands = dict(enumerate(stored_commands(self._store, record, origin)))
        digest = program.rpartition("/")[2] if program else None
        small = metadata.variables_of(origin).get(INPUTS_VARIABLE)
        plan = self._plan(record, digest, code, small, commands)
        by_pool: dict[str, dict[int, int]] = {}
        for task in tasks:
            by_pool.setdefault(latest(parts, task.index).pool_id, {})[task.index] = task.attempts
        existing = queries.list_parts(self._client, record)
        number = 1 + max(metadata.part_in(job).number for job in existing)
        new = [
            PlacedPart(part_of(number + place, attempts), pool)
            for place, (pool, attempts) in enumerate(by_pool.items())
        ]
        return Launch(self._client, plan).start(new)

    # -- within -----------------------------------------------------------------------------

    def _record(self, submission: Submission, settings: AzureBatchSettings) -> JobRecord:
        code = submission.function.code if submission.function else None
        return record_of(
            submission,
            ids.first_part(submission.id),
            self._store.put_file,
            settings=msgspec.structs.replace(
                settings, container_image=settings.container_image or default_image()
            ),
            code=code.description.digest if code else None,
        )

    def _plan(
        self,
        record: JobRecord,
        program: str | None,
        code: Sequence[str],
        small: str | None,
        commands: Mapping[int, Sequence[str]] | None,
    ) -> JobPlan:
        settings = settings_of(record)
        access = Access(
            self._connection.storage, self._signer, settings.sas_lifetime_seconds, settings.storage_identity
        )
        return JobPlan(
            record,
            access,
            program=program,
            code=code,
            inline_inputs=small,
            registry_password=_password(settings.registry),
            commands=commands,
        )

    def _undo(self, azure_id: str) -> None:
        """Remove all parts of a submission, and its container."""
        try:
            for part_id in queries.part_ids(self._client, azure_id):
                job_requests.delete(self._client, part_id)
            self._store.delete_container(container_name(azure_id))
        except ProviderError as error:  # the user is to see what went wrong first
            _log.warning("job %s was not removed whole: %s", azure_id, error)


def deal(task_count: int, pools: Sequence[PoolFacts]) -> list[PlacedPart]:
    """Share an array out over pools, by the slots that they have, each a run of tasks."""
    weights = [pool.slots_per_node * max(pool.nodes, 1) for pool in pools]
    if task_count <= 1:
        best = weights.index(max(weights))
        return [PlacedPart(part_of(1, dict.fromkeys(range(task_count), 0)), pools[best].id)]
    parts: list[PlacedPart] = []
    start = taken = 0
    for pool, weight in zip(pools, weights):
        taken += weight
        stop = round(task_count * taken / sum(weights))
        if stop > start:
            parts.append(PlacedPart(part_of(len(parts) + 1, dict.fromkeys(range(start, stop), 0)), pool.id))
        start = stop
    return parts


def inline(submission: Submission) -> str | None:
    """The inputs object as a ``data:`` URL, if it is small enough to travel in the job itself."""
    buffer = io.BytesIO()
    if submission.inputs.size > _INLINE:
        return None
    submission.inputs.write_to(buffer)
    return inputs.as_url(buffer.getvalue())


def default_image() -> str:
    """The official Python image of the caller's minor version."""
    return f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"


def _password(registry: Registry | None) -> str | None:
    if registry is None or registry.user is None:
        return None
    from remotebatch_azurebatch.accounts.credentials import registry_password

    return registry_password(registry.server, registry.user)
