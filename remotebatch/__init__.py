"""Send a function to a batch pool and get back a rich job object.

>>> import remotebatch
>>> env = remotebatch.SubmissionEnvironment("Local")
>>> job = env.submit(pow, 2, 10)
>>> job.result()
1024
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from remotebatch import task
from remotebatch.task import vcpu_count

if TYPE_CHECKING:
    from remotebatch.command import Command
    from remotebatch.environment import (
        SubmissionEnvironment,
        default_environment,
        map_submit,
        set_default_environment,
        submit,
    )
    from remotebatch.errors import (
        CannotSend,
        InvalidSetting,
        JobFailed,
        JobNotFound,
        ModuleStateWarning,
        ProviderError,
        ProviderUnavailable,
        RandomStateWarning,
        RemoteBatchError,
        RemoteException,
    )
    from remotebatch.jobs.array import ArrayJob
    from remotebatch.jobs.base import Job
    from remotebatch.jobs.evaluation import Evaluation, load_result
    from remotebatch.jobs.task import ArrayChildJob, SingleJob
    from remotebatch.jobs.waiting import as_completed, wait
    from remotebatch.provider import Counts, OutputFile
    from remotebatch.settings import JobSettings
    from remotebatch.status import FailureType, JobStatus, JobType
    from remotebatch.storage import conventions

__all__ = [
    "ArrayChildJob",
    "ArrayJob",
    "CannotSend",
    "Command",
    "Counts",
    "Evaluation",
    "FailureType",
    "InvalidSetting",
    "Job",
    "JobFailed",
    "JobNotFound",
    "JobSettings",
    "JobStatus",
    "JobType",
    "ModuleStateWarning",
    "OutputFile",
    "ProviderError",
    "ProviderUnavailable",
    "RandomStateWarning",
    "RemoteBatchError",
    "RemoteException",
    "SingleJob",
    "SubmissionEnvironment",
    "as_completed",
    "conventions",
    "default_environment",
    "load_result",
    "map_submit",
    "set_default_environment",
    "submit",
    "task",
    "vcpu_count",
    "wait",
]

# What tasks use is here. All else is imported when it is first used: the memory that is copied for each task
# stays small, and a task needs no more of this package than it asks for.
_HOMES = {
    "ArrayChildJob": "remotebatch.jobs.task",
    "ArrayJob": "remotebatch.jobs.array",
    "CannotSend": "remotebatch.errors",
    "Command": "remotebatch.command",
    "Counts": "remotebatch.provider",
    "Evaluation": "remotebatch.jobs.evaluation",
    "FailureType": "remotebatch.status",
    "InvalidSetting": "remotebatch.errors",
    "Job": "remotebatch.jobs.base",
    "JobFailed": "remotebatch.errors",
    "JobNotFound": "remotebatch.errors",
    "JobSettings": "remotebatch.settings",
    "JobStatus": "remotebatch.status",
    "JobType": "remotebatch.status",
    "ModuleStateWarning": "remotebatch.errors",
    "OutputFile": "remotebatch.provider",
    "ProviderError": "remotebatch.errors",
    "ProviderUnavailable": "remotebatch.errors",
    "RandomStateWarning": "remotebatch.errors",
    "RemoteBatchError": "remotebatch.errors",
    "RemoteException": "remotebatch.errors",
    "SingleJob": "remotebatch.jobs.task",
    "SubmissionEnvironment": "remotebatch.environment",
    "as_completed": "remotebatch.jobs.waiting",
    "default_environment": "remotebatch.environment",
    "load_result": "remotebatch.jobs.evaluation",
    "map_submit": "remotebatch.environment",
    "set_default_environment": "remotebatch.environment",
    "submit": "remotebatch.environment",
    "wait": "remotebatch.jobs.waiting",
}
_ROOMS = frozenset(
    {"command", "environment", "errors", "jobs", "pools", "provider", "settings", "status", "storage"}
)


def __getattr__(name: str) -> Any:
    if name == "conventions":
        return import_module("remotebatch.storage.conventions")
    if name in _ROOMS:  # `import remotebatch` makes `remotebatch.errors` and the like available
        return import_module(f"remotebatch.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
