"""The task that a node runs before all others."""

from __future__ import annotations

import os

from azurebatch_emulator.execution.auxiliary import Auxiliary
from azurebatch_emulator.execution.environment import node_variables, set_variables
from azurebatch_emulator.execution.machine import Command, Machine
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models import start_task as models
from azurebatch_emulator.protocol.models.common import now
from azurebatch_emulator.protocol.models.tasks import TaskResult
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.outcome import TaskOutcome

_DIRECTORIES = ("startup/certs", "startup/wd", "volatile/startup")


async def run(machine: Machine, node: Node, task: models.StartTask) -> bool:
    """Run a node's start task to its end, and show on the node how it goes; returns whether it succeeded."""
    info = models.StartTaskInfo(state=models.StartTaskState.RUNNING, start_time=now(), retry_count=0)
    node.resource.start_task_info = info
    node.save()

    def note_retry() -> None:
        info.retry_count += 1
        info.last_retry_time = now()

    for name in _DIRECTORIES:
        os.makedirs(os.path.join(node.root, name), exist_ok=True)
    directory = os.path.join(node.root, "startup")
    command = Command(
        label=("start", node.resource.id),
        command_line=task.command_line,
        directory=directory,
        node_root=node.root,
        environment={
            **node_variables(node),
            "AZ_BATCH_TASK_DIR": directory,
            "AZ_BATCH_TASK_WORKING_DIR": os.path.join(directory, "wd"),
            "HOME": os.path.join(directory, "wd"),
            **set_variables(task.environment_settings),
        },
        container=task.container_settings,
        registries=node.pool.container_registries,
    )
    running = Auxiliary(
        machine,
        command,
        task.resource_files or (),
        most_retries=task.max_task_retry_count or 0,
        note_retry=note_retry,
    )
    if task.container_settings is None or node.pool.runs_containers:
        outcome = await running.run()
    else:
        outcome = TaskOutcome.failed(TaskFailure("ContainerPoolNotSupported"))
    info.state = models.StartTaskState.COMPLETED
    info.end_time = now()
    info.exit_code = outcome.exit_code
    info.container_info = outcome.container
    info.failure_info = outcome.failure
    info.result = TaskResult.SUCCESS if outcome.succeeded else TaskResult.FAILURE
    node.save()
    return outcome.succeeded
