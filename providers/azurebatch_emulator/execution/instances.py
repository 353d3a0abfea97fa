"""The instances of a multi-instance task: one on each node, the primary on the first."""

from __future__ import annotations

import asyncio
import os
import shlex
import threading
from contextlib import suppress

from azurebatch_emulator.execution import command_line, resource_files
from azurebatch_emulator.execution.environment import instance_variables, set_variables, task_variables
from azurebatch_emulator.execution.machine import Attempt, Command, End, Machine
from azurebatch_emulator.protocol.failures import nonzero_exit_code
from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.protocol.models.common import now
from azurebatch_emulator.state.node import Node
from azurebatch_emulator.state.outcome import TaskOutcome
from azurebatch_emulator.state.task import Task

_HOLD = '"$@"; echo $? > "$0"; exec sleep 2147483647'
"""Keeps a coordination command's place when it has ended: what it left in the background lives on."""
_LOOK_INTERVAL = 0.05


class Instances:
    """All instances of one task: their coordination commands run before the primary's own command.

    As on Azure, the coordination command of every instance runs first, on all nodes at the same time;
    when all have ended well, the task's command runs, on the first node alone. A coordination command
    that starts a service in the background leaves it running until the task ends.
    """

    def __init__(self, task: Task, nodes: list[Node], machine: Machine) -> None:
        settings = task.resource.multi_instance_settings
        assert settings is not None
        self._task = task
        self._settings = settings
        self._nodes = nodes
        self._machine = machine
        self._attempts: list[Attempt] = []

    @property
    def directories(self) -> list[str]:
        """The task's directory on each node; what is shared within a node lies there."""
        ids = self._task.job.resource.id, self._task.resource.id
        return [node.task_directory(*ids) for node in self._nodes]

    def variables(self, number: int = 0) -> dict[str, str]:
        """The variables of an instance beside those of every task."""
        return instance_variables(self._nodes, number, self.directories[number])

    def fetch_files(self, stop: threading.Event) -> None:
        """Place the files that all instances want, on every node.

        :param stop: set once it is to end.
        :raises TaskFailure: for the first that cannot be had.
        """
        for directory in self.directories:
            files = self._settings.common_resource_files or ()
            resource_files.fetch(files, directory, self._machine.storage, stop)

    async def coordinate(self) -> TaskOutcome | None:
        """Run all coordination commands; returns the task's outcome if one of them fails.

        :raises TaskFailure: if they cannot be started.
        """
        await self.end()
        job_id, task_id = self._task.job.resource.id, self._task.resource.id
        subtasks = [
            models.Subtask(id=number, node_info=node.info(job_id, task_id))
            for number, node in enumerate(self._nodes)
        ]
        self._task.subtasks = subtasks[1:]
        commands = [self._command(number) for number in range(len(self._nodes))]
        self._attempts = [self._machine.attempt(command) for command in commands]
        for attempt in self._attempts:
            attempt.start()
        running = {
            asyncio.ensure_future(_follow(attempt, command.logs, subtask))
            for attempt, command, subtask in zip(self._attempts, commands, subtasks)
        }
        try:
            while running:
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for one in ended:
                    if not one.result().succeeded:
                        return one.result()
            return None
        finally:
            if running:
                await self.end()
                await asyncio.wait(running)

    async def end(self) -> None:
        """End what still runs, and with it all that was left in the background."""
        for attempt in self._attempts:
            attempt.kill()
        await asyncio.gather(*(attempt.end() for attempt in self._attempts))

    def _command(self, number: int) -> Command:
        """The coordination command of an instance; its exit code is written beside its streams."""
        task, node, directory = self._task, self._nodes[number], self.directories[number]
        job_id, task_id = task.job.resource.id, task.resource.id
        # the primary's own command has its streams where those of a subtask's coordination command are
        logs = os.path.join(directory, "coordination") if number == 0 else directory
        os.makedirs(logs, exist_ok=True)
        with suppress(FileNotFoundError):  # of the attempt before
            os.unlink(_exit_code_file(logs))
        words = command_line.split(self._settings.coordination_command_line)
        return Command(
            label=(job_id, f"{task_id}/{number}"),
            command_line=shlex.join(["/bin/sh", "-c", _HOLD, _exit_code_file(logs), *words]),
            directory=directory,
            log_directory=logs,
            node_root=node.root,
            environment={
                **task_variables(node, job_id, task_id),
                **self.variables(number),
                **set_variables(task.job.resource.common_environment_settings),
                **set_variables(task.resource.environment_settings),
            },
            container=task.resource.container_settings,
            registries=node.pool.container_registries,
        )


async def _follow(attempt: Attempt, logs: str, subtask: models.Subtask) -> TaskOutcome:
    """See a coordination command to its end."""
    subtask.start_time = now()
    _turn(subtask, models.SubtaskState.RUNNING)
    end = await _end(attempt, _exit_code_file(logs))
    if end.failure is not None:
        outcome = TaskOutcome.failed(end.failure)
    elif end.exit_code != 0:
        outcome = TaskOutcome.failed(nonzero_exit_code(), end.exit_code)
    else:
        outcome = TaskOutcome(0)
    result = models.TaskResult
    subtask.exit_code = outcome.exit_code
    subtask.failure_info = outcome.failure
    subtask.result = result.SUCCESS if outcome.succeeded else result.FAILURE
    subtask.container_info = end.container
    subtask.end_time = now()
    _turn(subtask, models.SubtaskState.COMPLETED)
    return outcome


async def _end(attempt: Attempt, exit_code_file: str) -> End:
    """How the coordination command itself ended, which its place outlives."""
    over = asyncio.ensure_future(attempt.end())
    try:
        while not over.done():
            if os.path.exists(exit_code_file) and os.path.getsize(exit_code_file) > 1:
                with open(exit_code_file) as file:  # noqa: ASYNC230 - of a few bytes
                    return End(int(file.read()))
            await asyncio.wait([over], timeout=_LOOK_INTERVAL)
        return over.result()
    finally:
        over.cancel()


def _exit_code_file(logs: str) -> str:
    return os.path.join(logs, "exitcode.txt")


def _turn(subtask: models.Subtask, state: models.SubtaskState) -> None:
    subtask.previous_state, subtask.previous_state_transition_time = (
        subtask.state,
        subtask.state_transition_time,
    )
    subtask.state, subtask.state_transition_time = state, now()
