"""Everything remotebatch raises, in one tree.

::

    RemoteBatchError
    ├── InvalidSetting (also ValueError)      a setting or property is unknown, mistyped or out of range
    ├── CannotSend (also TypeError)           a function or argument cannot be pickled
    ├── ProviderError                         the provider could not do what was asked
    │   ├── ProviderUnavailable               … for now: the same call may succeed later
    │   └── JobNotFound (also LookupError)    no job has that id
    └── JobFailed                             the job ended without a result; failure_type says why
        └── RemoteException                   the user's exception, of a type that cannot be rebuilt here

:class:`ModuleStateWarning` and :class:`RandomStateWarning` are warnings, not errors.

A user's own exception is raised as itself wherever it can be rebuilt. Timeouts are the builtin
:class:`TimeoutError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remotebatch.status import FailureType

__all__ = [
    "CannotSend",
    "InvalidSetting",
    "JobFailed",
    "JobNotFound",
    "ModuleStateWarning",
    "ProviderError",
    "ProviderUnavailable",
    "RandomStateWarning",
    "RemoteBatchError",
    "RemoteException",
]


class RemoteBatchError(Exception):
    """Root of every error that remotebatch raises."""


class InvalidSetting(RemoteBatchError, ValueError):
    """A setting or an environment's property is unknown, of a wrong type, or out of range."""


class CannotSend(RemoteBatchError, TypeError):
    """A function or one of its arguments cannot be pickled. Nothing was stored or sent."""


class ProviderError(RemoteBatchError):
    """The provider could not do what was asked; the message says what to do next."""


class ProviderUnavailable(ProviderError):
    """The provider cannot be reached just now. Jobs are not affected; try the same call again."""


class JobNotFound(ProviderError, LookupError):
    """The provider knows no job of that id (or it has been deleted)."""


class ModuleStateWarning(UserWarning):
    """A module of the user's holds what its source does not give it: another value, an entry of the script's.

    A task imports the module afresh and finds what the source says. The warning names the remedy.
    """


class JobFailed(RemoteBatchError):
    """The job ended without a result, for a reason other than an exception in the user's function.

    :ivar job_id: id of the job.
    :ivar task_id: the provider's id of the task.
    :ivar failure_type: the class of the failure.
    :ivar exit_code: exit code of the task's process, None if it has none.
    """

    def __init__(
        self, message: str, *, job_id: str, task_id: str, failure_type: FailureType, exit_code: int | None
    ) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.task_id = task_id
        self.failure_type = failure_type
        self.exit_code = exit_code


class RemoteException(JobFailed):
    """The user's exception where its own type cannot be rebuilt at the client.

    :ivar type_name: qualified name of the exception's type.
    :ivar remote_traceback: the traceback as text.
    """

    type_name: str
    remote_traceback: str


class RandomStateWarning(UserWarning):
    """A function of an array has a random generator that gives every child the same numbers."""
