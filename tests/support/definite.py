"""What Microsoft's models declare as optional, where it has to be there."""

from __future__ import annotations

from typing import TypeVar

from azure.batch import models

__all__ = ["definite", "execution_of", "failure_of", "node_id_of", "node_of", "start_of"]

T = TypeVar("T")


def definite(value: T | None) -> T:
    """A value that has to be there."""
    assert value is not None
    return value


def execution_of(task: models.BatchTask) -> models.BatchTaskExecutionInfo:
    """How a task runs or ran."""
    return definite(task.execution_info)


def failure_of(task: models.BatchTask) -> models.BatchTaskFailureInfo:
    """Why a task failed."""
    return definite(execution_of(task).failure_info)


def node_of(task: models.BatchTask | models.BatchSubtask) -> models.BatchNodeInfo:
    """The node that a task runs or ran on."""
    return definite(task.node_info)


def node_id_of(task: models.BatchTask | models.BatchSubtask) -> str:
    """The id of that node."""
    return definite(node_of(task).node_id)


def start_of(node: models.BatchNode) -> models.BatchStartTaskInfo:
    """How the start task of a node runs or ran."""
    return definite(node.start_task_info)
