"""A job's record as Azure Batch's own objects, in the form in which its REST interface has them.

Plain dicts, as there may be a million tasks: Microsoft's client takes them as they are.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from remotebatch.provider import JobRecord
from remotebatch.provider.task_ids import numbered_task_id
from remotebatch.provider.variables import job_variables, task_variables
from remotebatch_azurebatch.batch import metadata, values
from remotebatch_azurebatch.batch.parts import Part
from remotebatch_azurebatch.settings import settings_of
from remotebatch_azurebatch.storage import layout
from remotebatch_azurebatch.submission.access import Access
from remotebatch_kernel.evaluation.task import JOB_OUTPUT
from remotebatch_kernel.hosts import azure_node as node

_CALL_LINE = (
    "python3 -c 'import os, runpy; "
    f'runpy.run_path(os.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"] + "/{node.PROGRAM}", run_name="__main__")\''
)
"""Not through a shell, which an image need not have."""
_COMMAND_LINE = "/bin/sh -c 'rm -rf JobOutput; mkdir -p JobOutput; {files}eval \"exec $REMOTEBATCH_COMMAND\"'"
_COPY_FILES = f'cp -R "$AZ_BATCH_JOB_PREP_WORKING_DIR/{node.FILES}/." .; '
INPUTS_VARIABLE = "REMOTEBATCH_INPUTS"
"""Variable with the inputs object as a ``data:`` URL, where it is small."""
_AS_ROOT = {"autoUser": {"scope": "pool", "elevationLevel": "admin"}}
"""In the container, that is: any other user of an image may not write into the task's working directory."""
_HIGHEST_PRIORITY = 1000
_LONGEST_DISPLAY_NAME = 1024
_KEPT_ON_NODE = 6 * 3600.0  # seconds
_PREPARATION_RETRIES = 2
"""A node on which it fails gets no task of the job any more."""


class JobPlan:
    """What the Azure jobs of a submission have in common; makes each of them and their tasks."""

    def __init__(
        self,
        record: JobRecord,
        access: Access,
        *,
        program: str | None,
        code: Sequence[str],
        inline_inputs: str | None,
        registry_password: str | None,
        commands: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        """Nothing is sent.

        :param record: the job, its environment variables included.
        :param program: digest of the program; None for commands.
        :param code: digests of the objects of the function's code package.
        :param inline_inputs: the inputs object as a ``data:`` URL, where it does not lie in a blob.
        :param commands: index → argument list, where the tasks are commands.
        """
        self.record = record
        self._settings = settings_of(record)
        self._access = access
        self._program = program
        self._code = code
        self._inputs = inline_inputs
        self._container_settings = self._run_in(registry_password)
        files = _COPY_FILES if record.input_files else ""
        self._command_line = _CALL_LINE if program is not None else _COMMAND_LINE.format(files=files)
        self._commands: Mapping[int, Sequence[str]] = commands or {}

    def job(self, part: Part, pool_id: str, ends_by_itself: bool = True) -> dict[str, Any]:
        """An Azure job with its first task, so that it is never empty and may end by itself at any time.

        That task is its job manager, for a job and its manager are made in one request.

        :param ends_by_itself: whether it ends as soon as its tasks have.
        """
        record, settings = self.record, self._settings
        self._access.renew()
        part = self.dated(part)
        body: dict[str, Any] = {
            "id": part.azure_id(record.id),
            "displayName": record.name[:_LONGEST_DISPLAY_NAME],
            "priority": round(settings.job_priority * _HIGHEST_PRIORITY),
            "poolInfo": {"poolId": pool_id},
            "onAllTasksComplete": "terminatejob" if ends_by_itself else "noaction",
            "commonEnvironmentSettings": _variables(self._common_variables()),
            "metadata": self._metadata(part),
        }
        if settings.storage_identity is None:
            # nothing may wait or run once nothing can be stored, even if no client is there to end it
            body["constraints"] = {"maxWallClockTime": values.duration(self._access.seconds)}
        preparation = self._preparation()
        if preparation is not None:
            body["jobPreparationTask"] = preparation
        if part.count:
            first = self.task(part.first, part.attempts_of(part.first))
            body["jobManagerTask"] = {**first, "killJobOnCompletion": False, "runExclusive": False}
        return body

    def dated(self, part: Part) -> Part:
        """The part with the time until which its nodes have access to its blobs."""
        return msgspec.structs.replace(part, expires=self._access.expires)

    def task(self, index: int, attempts: int) -> dict[str, Any]:
        """One task.

        :param attempts: that it had in earlier parts.
        """
        settings, task_id = self._settings, numbered_task_id(self.record, index)
        constraints: dict[str, Any] = {
            "maxTaskRetryCount": settings.max_retries,
            "retentionTime": values.duration(
                _KEPT_ON_NODE
            ),  # it is in Blob Storage by then; Azure would keep it a week
        }
        if settings.time_limit is not None:
            constraints["maxWallClockTime"] = values.duration(settings.time_limit)
        return {
            "id": task_id,
            "commandLine": self._command_line,
            "containerSettings": self._container_settings,
            "constraints": constraints,
            "requiredSlots": settings.vcpu_count,
            "userIdentity": _AS_ROOT,
            "environmentSettings": _variables(self._task_variables(index, attempts)),
            "outputFiles": self._output_files(task_id),
        }

    # -- within -----------------------------------------------------------------------------

    def _output_files(self, task_id: str) -> list[dict[str, Any]]:
        patterns = {
            "../stdout.txt": layout.stream(task_id, "stdout"),
            "../stderr.txt": layout.stream(task_id, "stderr"),
            f"{JOB_OUTPUT}/**/*": layout.outputs(task_id),
        }
        if self._program is not None:
            patterns[node.RESULT] = layout.result(task_id)
        container = layout.container(self.record)
        return [self._access.output_file(pattern, container, path) for pattern, path in patterns.items()]

    def _run_in(self, password: str | None) -> dict[str, Any]:
        settings = self._settings
        options = [settings.container_run_options or ""]
        if settings.gpu_count:
            options.append(f"--gpus {settings.gpu_count}")
        container: dict[str, Any] = {
            "imageName": settings.container_image,
            "containerRunOptions": " ".join(options).strip(),
            "workingDirectory": "taskWorkingDirectory",
        }
        registry = settings.registry
        if registry is not None:
            container["registry"] = {"registryServer": registry.server}
            if registry.identity is not None:
                container["registry"]["identityReference"] = {"resourceId": registry.identity}
            else:
                container["registry"] |= {"username": registry.user, "password": password}
        return container

    def _preparation(self) -> dict[str, Any] | None:
        """What is done once on each node: it fetches everything that the job's tasks share."""
        record, files = self.record, self.record.input_files
        resources = [
            self._access.resource_file(layout.OBJECTS, layout.file_object(digest), f"{node.FILES}/{name}")
            for name, digest in files.items()
        ]
        if self._program is not None:
            blob = layout.program_object(self._program)
            resources.append(self._access.resource_file(layout.OBJECTS, blob, node.PROGRAM))
            for digest in self._code:
                blob, path = layout.code_object(digest), f"{node.CODE}/{digest}"
                resources.append(self._access.resource_file(layout.OBJECTS, blob, path))
            if self._inputs is None and record.element_count:
                container = layout.container(record)
                resources.append(self._access.resource_file(container, layout.INPUTS, node.INPUTS))
        if not resources and self._settings.job_preparation is None:
            return None
        expires = self._settings.storage_identity is None
        retention = (
            values.duration(self._settings.sas_lifetime_seconds) if expires else values.LONGEST_DURATION
        )
        return {
            "commandLine": _shell(self._settings.job_preparation or "true"),
            "resourceFiles": resources,
            "waitForSuccess": True,
            # its directory stays for as long as tasks may start
            "constraints": {"retentionTime": retention, "maxTaskRetryCount": _PREPARATION_RETRIES},
        }

    def _common_variables(self) -> dict[str, str]:
        record = self.record
        call = {
            "chunksize": record.chunksize,
            "elements": record.element_count,
            "image": self._settings.container_image,
        }
        variables = job_variables(record)
        if self._program is not None:
            variables["REMOTEBATCH_CALL"] = json.dumps(call)
        if self._inputs is not None:
            variables[INPUTS_VARIABLE] = self._inputs
        return variables

    def _task_variables(self, index: int, attempts: int) -> dict[str, str]:
        variables = task_variables(self.record, index, attempts + 1)
        if self._program is None:
            variables["REMOTEBATCH_COMMAND"] = shlex.join(self._commands[index])
        return variables

    def _metadata(self, part: Part) -> list[dict[str, str]]:
        objects = [layout.file_object(digest) for digest in self.record.input_files.values()]
        if self._program is not None:
            objects.append(layout.program_object(self._program))
        objects += map(layout.code_object, self._code)
        return metadata.items(self.record, part, objects)


def _variables(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _shell(script: str) -> str:
    return f"/bin/sh -c {shlex.quote(script)}"
