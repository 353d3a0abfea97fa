"""What a task's end means for its job and for those that depend on it."""

from __future__ import annotations

from collections.abc import Iterator

from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.failures import FILE_UPLOAD_FAILURES, PRE_PROCESSING_FAILURES
from azurebatch_emulator.protocol.models import jobs as job_models
from azurebatch_emulator.protocol.models import tasks as models
from azurebatch_emulator.state.task import Task


def check(conditions: models.ExitConditions | None, job: job_models.Job) -> None:
    """Refuse actions that the job does not provide for.

    :raises BatchServiceError: naming the property.
    """
    for options in _all_options(conditions):
        if options.job_action is not None and not _acts_on_failures(job):
            raise _needless("jobAction", options.job_action, "onTaskFailure of the job is noaction.")
        if options.dependency_action is not None and not job.uses_task_dependencies:
            raise _needless("dependencyAction", options.dependency_action, "The job uses no dependencies.")


def satisfies_dependents(task: Task) -> bool:
    """Whether tasks that depend on this one may go on."""
    action = _options(task).dependency_action
    if action is None:
        return task.succeeded
    return action is models.DependencyAction.SATISFY


def job_action(task: Task, job: job_models.Job) -> models.JobAction:
    """What the job is to do."""
    if not _acts_on_failures(job):
        return models.JobAction.NONE
    action = _options(task).job_action
    if action is not None:
        return action
    return models.JobAction.NONE if task.succeeded else models.JobAction.TERMINATE


def _acts_on_failures(job: job_models.Job) -> bool:
    return job.on_task_failure is job_models.OnTaskFailure.PERFORM_EXIT_OPTIONS_JOB_ACTION


def _needless(
    name: str, action: models.JobAction | models.DependencyAction, reason: str
) -> BatchServiceError:
    return BatchServiceError(
        "InvalidPropertyValue", PropertyName=name, PropertyValue=action.value, Reason=reason
    )


def _all_options(conditions: models.ExitConditions | None) -> Iterator[models.ExitOptions]:
    if conditions is None:
        return
    for mapping in (*(conditions.exit_codes or ()), *(conditions.exit_code_ranges or ())):
        yield mapping.exit_options
    for options in (conditions.pre_processing_error, conditions.file_upload_error, conditions.default):
        if options is not None:
            yield options


def _options(task: Task) -> models.ExitOptions:
    """The exit options that apply: those of the exit code come first, the default last."""
    conditions, execution = task.resource.exit_conditions, task.resource.execution_info
    if conditions is None or execution is None:
        return models.ExitOptions()
    code = execution.exit_code
    if code is not None:
        for mapping in conditions.exit_codes or ():
            if mapping.code == code:
                return mapping.exit_options
        for span in conditions.exit_code_ranges or ():
            if span.start <= code <= span.end:
                return span.exit_options
    failure = execution.failure_info.code if execution.failure_info else None
    if failure in FILE_UPLOAD_FAILURES and conditions.file_upload_error is not None:
        return conditions.file_upload_error
    if failure in PRE_PROCESSING_FAILURES and conditions.pre_processing_error is not None:
        return conditions.pre_processing_error
    if not task.succeeded and conditions.default is not None:
        return conditions.default
    return models.ExitOptions()
