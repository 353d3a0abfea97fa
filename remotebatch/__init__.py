"""Send a function to a batch pool and get back a rich job object.

>>> import remotebatch
>>> env = remotebatch.SubmissionEnvironment("Local")
>>> job = env.submit(pow, 2, 10)
>>> job.result()
1024
"""

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
    ProviderError,
    ProviderUnavailable,
    RemoteBatchError,
    RemoteException,
)
from remotebatch.jobs.array import ArrayJob
from remotebatch.jobs.base import Job
from remotebatch.jobs.evaluation import Evaluation, load_result
from remotebatch.jobs.task import ArrayChildJob, SingleJob
from remotebatch.jobs.waiting import as_completed, wait
from remotebatch.provider import Counts, OutputFile
from remotebatch.runtime import vcpu_count
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
    "OutputFile",
    "ProviderError",
    "ProviderUnavailable",
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
    "vcpu_count",
    "wait",
]
