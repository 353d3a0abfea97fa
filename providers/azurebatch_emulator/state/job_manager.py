"""A job's manager: a task that the job brings itself, the first to run."""

from __future__ import annotations

from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.protocol.models.job_tasks import JobManagerTask
from azurebatch_emulator.state.job_record import JobRecord
from azurebatch_emulator.state.task import Task


def as_task(manager: JobManagerTask) -> models.TaskAdd:
    """The task that it is among the job's other tasks."""
    return models.TaskAdd(
        id=manager.id,
        display_name=manager.display_name,
        command_line=manager.command_line,
        container_settings=manager.container_settings,
        resource_files=manager.resource_files,
        output_files=manager.output_files,
        environment_settings=manager.environment_settings,
        constraints=manager.constraints,
        required_slots=manager.required_slots,
        user_identity=manager.user_identity,
        application_package_references=manager.application_package_references,
        authentication_token_settings=manager.authentication_token_settings,
    )


def runs_alone(task: Task) -> bool:
    """Whether a task is its job's manager and wants its node for itself."""
    manager = _manager(task)
    return manager is not None and manager.run_exclusive is not False


def needs_dedicated_node(task: Task) -> bool:
    """Whether a task is its job's manager and must not run where it may be pre-empted."""
    manager = _manager(task)
    return manager is not None and manager.allow_low_priority_node is False


def has_ended(job: JobRecord) -> bool:
    """Whether a job is to end with its manager, and that has ended, with success or not."""
    manager = job.resource.job_manager_task
    if manager is None or not manager.kill_job_on_completion:
        return False
    task = job.tasks.get(manager.id.lower())
    return task is not None and task.is_completed


def _manager(task: Task) -> JobManagerTask | None:
    manager = task.job.resource.job_manager_task
    return manager if manager is not None and manager.id.lower() == task.key else None
