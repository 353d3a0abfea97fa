"""What a request's body may be by type but not by meaning; refused before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from azurebatch_emulator.execution import output_files, resource_files
from azurebatch_emulator.protocol.errors import BatchServiceError
from azurebatch_emulator.protocol.models import jobs as job_models
from azurebatch_emulator.protocol.models import pools as pool_models
from azurebatch_emulator.protocol.models import schedules as schedule_models
from azurebatch_emulator.protocol.models import tasks as task_models
from azurebatch_emulator.protocol.models.common import (
    ApplicationPackageReference,
    EnvironmentSetting,
    MetadataItem,
    encode,
    moment,
    seconds,
)
from azurebatch_emulator.protocol.models.files import OutputFile, ResourceFile
from azurebatch_emulator.protocol.models.job_tasks import JobManagerTask, JobPreparationTask, JobReleaseTask
from azurebatch_emulator.protocol.models.start_task import StartTask
from azurebatch_emulator.state import pool_scaling

_SHORTEST_RESIZE = 300.0
_LONGEST_RELEASE = 900.0
_SHORTEST_RECURRENCE = 60.0
_MOST_FILES = 32768
"""Characters of a list of resource files."""


def check_pool(add: pool_models.PoolSpecification) -> None:
    """Refuse a pool that cannot be.

    :raises BatchServiceError: saying why.
    """
    if add.virtual_machine_configuration is None:
        raise BatchServiceError("MissingRequiredProperty", PropertyName="virtualMachineConfiguration")
    if add.enable_auto_scale:
        if add.auto_scale_formula is None:
            raise BatchServiceError("MissingRequiredProperty", PropertyName="autoScaleFormula")
        if add.target_dedicated_nodes is not None or add.target_low_priority_nodes is not None:
            raise _invalid("targetDedicatedNodes", "A pool that scales automatically has no fixed size.")
        pool_scaling.check(add.auto_scale_formula, add.auto_scale_evaluation_interval)
    elif add.auto_scale_formula is not None:
        raise _invalid("autoScaleFormula", "A formula is for pools that scale automatically.")
    check_resize_timeout(add.resize_timeout)
    check_pool_properties(add.start_task, add.metadata, add.application_package_references)


def check_resize_timeout(timeout: str | None) -> None:
    """Refuse a resize that is allowed too little time.

    :raises BatchServiceError: saying so.
    """
    if timeout is not None and seconds(timeout) < _SHORTEST_RESIZE:
        raise _invalid("resizeTimeout", "The resize timeout is at least 5 minutes.")


def check_pool_properties(
    start_task: StartTask | None,
    metadata: Iterable[MetadataItem] | None,
    packages: Iterable[ApplicationPackageReference] | None,
) -> None:
    """Refuse what cannot be set on a pool.

    :raises BatchServiceError: saying why.
    """
    if start_task is not None:
        _check_files("startTask.resourceFiles", start_task.resource_files)
        _check_settings(start_task.environment_settings)
        _check_command("startTask.commandLine", start_task.command_line, start_task.container_settings)
    check_metadata(metadata)
    _check_packages(packages)


def check_job(add: job_models.JobAdd) -> None:
    """Refuse a job that cannot be.

    :raises BatchServiceError: saying why.
    """
    automatic = add.pool_info.auto_pool_specification
    if automatic is not None and automatic.pool_lifetime_option is job_models.PoolLifetimeOption.JOB_SCHEDULE:
        raise _invalid("poolLifetimeOption", "Only the pool of a job schedule can live as long as one.")
    check_job_specification(add)


def check_job_specification(job: job_models.JobSpecification) -> None:
    """Refuse a job that cannot be, of a schedule or by itself.

    :raises BatchServiceError: saying why.
    """
    _check_settings(job.common_environment_settings)
    check_metadata(job.metadata)
    automatic = job.pool_info.auto_pool_specification
    if automatic is not None:
        if automatic.pool is None:
            raise BatchServiceError("MissingRequiredProperty", PropertyName="autoPoolSpecification.pool")
        check_pool(automatic.pool)
    preparation, release, manager = job.job_preparation_task, job.job_release_task, job.job_manager_task
    for name, task in (
        ("jobPreparationTask", preparation),
        ("jobReleaseTask", release),
        ("jobManagerTask", manager),
    ):
        if task is not None:
            _check_files(f"{name}.resourceFiles", task.resource_files)
            _check_settings(task.environment_settings)
            _check_command(f"{name}.commandLine", task.command_line, task.container_settings)
    if manager is not None:
        _check_outputs(manager.output_files)
    if release is not None:
        if preparation is None:
            raise _invalid("jobReleaseTask", "A job release task needs a job preparation task.")
        if release.max_wall_clock_time and seconds(release.max_wall_clock_time) > _LONGEST_RELEASE:
            raise _invalid("maxWallClockTime", "A job release task may take 15 minutes at most.")
    _check_ids(preparation, release, manager)


def check_schedule(schedule: schedule_models.Schedule) -> None:
    """Refuse times that cannot be.

    :raises BatchServiceError: saying why.
    """
    for name, span in (
        ("recurrenceInterval", schedule.recurrence_interval),
        ("startWindow", schedule.start_window),
    ):
        if span is not None and seconds(span) < _SHORTEST_RECURRENCE:
            raise _invalid(name, "It is at least 1 minute.")
    first, last = schedule.do_not_run_until, schedule.do_not_run_after
    if first is not None and last is not None and moment(first) > moment(last):
        raise _invalid("doNotRunAfter", "It is not before doNotRunUntil.")


def check_task(add: task_models.TaskAdd) -> None:
    """Refuse a task that cannot be.

    :raises BatchServiceError: saying why.
    """
    _check_command("commandLine", add.command_line, add.container_settings)
    _check_files("resourceFiles", add.resource_files)
    _check_outputs(add.output_files)
    _check_packages(add.application_package_references)
    _check_settings(add.environment_settings)
    instances = add.multi_instance_settings
    if instances is not None:
        _check_files("multiInstanceSettings.commonResourceFiles", instances.common_resource_files)
        if (add.required_slots or 1) > 1:
            raise _invalid("requiredSlots", "An instance of a multi-instance task requires one slot.")


def _check_ids(
    preparation: JobPreparationTask | None, release: JobReleaseTask | None, manager: JobManagerTask | None
) -> None:
    """The tasks that a job brings itself have an id each."""
    first = None if preparation is None else (preparation.id or "jobpreparation").lower()
    last = None if release is None else (release.id or "jobrelease").lower()
    steering = None if manager is None else manager.id.lower()
    if first is not None and first in (last, steering):
        raise BatchServiceError("TaskIdSameAsJobPreparationTask")
    if last is not None and last == steering:
        raise BatchServiceError("TaskIdSameAsJobReleaseTask")


def _check_command(name: str, command_line: str, container: object) -> None:
    if not command_line.strip() and container is None:
        raise _invalid(name, "A command line is needed where no container brings one.")


def _check_packages(packages: Iterable[ApplicationPackageReference] | None) -> None:
    if packages:  # the account has no applications, so none can be referred to
        raise BatchServiceError("InvalidApplicationPackageReferences")


def _check_files(name: str, files: Sequence[ResourceFile] | None) -> None:
    if files and len(encode(files)) > _MOST_FILES:
        raise _invalid(
            "resourceFiles", f"Total size of resourceFiles cannot be more than {_MOST_FILES} characters"
        )
    for number, file in enumerate(files or ()):
        try:
            resource_files.check(file)
        except ValueError as error:
            raise _invalid(f"{name}[{number}]", str(error)) from error


def _check_outputs(files: Iterable[OutputFile] | None) -> None:
    for number, file in enumerate(files or ()):
        try:
            output_files.check(file)
        except ValueError as error:
            raise _invalid(f"outputFiles[{number}]", str(error)) from error


def _check_settings(settings: Iterable[EnvironmentSetting] | None) -> None:
    for number, setting in enumerate(settings or ()):
        if not setting.name or "=" in setting.name or "\0" in setting.name + (setting.value or ""):
            raise _invalid(f"environmentSettings[{number}].name", "It is no name of a variable.")


def check_metadata(items: Iterable[MetadataItem] | None) -> None:
    """Refuse notes without a name.

    :raises BatchServiceError: saying so.
    """
    if any(not item.name for item in items or ()):
        raise BatchServiceError("EmptyMetadataKey")


def _invalid(name: str, reason: str) -> BatchServiceError:
    return BatchServiceError("InvalidPropertyValue", PropertyName=name, Reason=reason)
