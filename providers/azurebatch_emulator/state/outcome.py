"""What became of a task that has ended."""

from __future__ import annotations

from dataclasses import dataclass

from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.common import NameValuePair
from azurebatch_emulator.protocol.models.containers import ContainerInfo
from azurebatch_emulator.protocol.models.tasks import TaskFailureInfo


@dataclass(frozen=True)
class TaskOutcome:
    """The exit code, the failure and the container of a task that has ended."""

    exit_code: int | None = None
    failure: TaskFailureInfo | None = None
    container: ContainerInfo | None = None

    @classmethod
    def failed(
        cls, failure: TaskFailure, exit_code: int | None = None, container: ContainerInfo | None = None
    ) -> TaskOutcome:
        """The outcome of a task that has failed."""
        return cls(exit_code, failure_info(failure), container)

    @property
    def succeeded(self) -> bool:
        """Whether the task has succeeded."""
        return self.failure is None

    @property
    def has_bad_exit_code(self) -> bool:
        """Whether the task failed by an exit code of its own: only then it is retried."""
        if self.exit_code in (None, 0) or self.failure is None:
            return False
        return self.failure.code == "FailureExitCode"


def failure_info(failure: TaskFailure) -> TaskFailureInfo:
    """A failure as the service shows it."""
    return TaskFailureInfo(
        category=failure.category,
        code=failure.code,
        message=failure.message,
        details=[NameValuePair(name=name, value=value) for name, value in failure.details.items()] or None,
    )
