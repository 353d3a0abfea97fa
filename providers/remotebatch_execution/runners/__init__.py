"""What runs tasks: processes forked from warm kernels, or containers. The engine knows only this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from remotebatch_kernel.evaluation.task import Call


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one task, ready to start."""

    key: int
    """Names this run; a later attempt of the same task gets another."""
    label: tuple[str, str]
    """Job id and task id, for whoever looks at the process or container."""
    directory: str
    """Working directory: it exists and is empty."""
    log_directory: str
    """Where stdout.txt and stderr.txt go: it exists."""
    environment: dict[str, str]
    """The task's own variables."""
    job_environment: dict[str, str]
    """Variables that all tasks of the job share."""
    files: dict[str, str] = {}
    """Name in the working directory → path of the file to copy there."""
    argv: list[str] | None = None
    """The command to run, or None for a call."""
    call: Call | None = None
    """What the kernel is to evaluate."""
    kernel: str = ""
    """Path of the kernel archive."""
    python: str = ""
    """Interpreter for a call in a process."""
    preload: tuple[str, ...] = ()
    """Modules that a warm kernel may import before it forks."""
    load_ahead: str = ""
    """Path of the function object if a warm kernel may load it before it forks."""
    image: str | None = None
    memory_limit: int | None = None
    network: str | None = None
    container_options: dict[str, Any] = {}
    """Further arguments for the engine's ``create``: volumes and environment are added, others win."""
    registry_auth: dict[str, str] | None = None
    """User name and password for the image's registry, as the engine's ``pull`` takes them."""
    gpus: tuple[int, ...] = ()
    """Numbers of the GPUs the task may use."""


class TaskEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    exit_code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    lost: bool = False
    """What ran the task went away; the task itself is gone for certain."""
    failure: str | None = None
    """A ``FailureType`` by name where the runner knows it better than the exit code does."""
    message: str = ""
    container_id: str | None = None


class Runner(Protocol):
    """Starts tasks and reports, from the event loop, how each one ended: exactly once."""

    can_follow: bool
    """Whether a task may be handed over before there is room for it."""

    def start(
        self,
        spec: TaskSpec,
        began: Callable[[], None],
        ended: Callable[[TaskEnd], None],
        after: int | None = None,
    ) -> None:
        """Start a task.

        :param began: called when the task itself begins, what has to be loaded or fetched being here;
            not for one that starts after another.
        :param ended: called when it is over, with all it started.
        :param after: key of a running task of the same job: start as soon as that one has ended.
        """

    def recall(self, key: int, after: int, recalled: Callable[[], None]) -> None:
        """Take back a task that was to start after another; not called back if it has started."""

    def signal(self, key: int, number: int) -> None:
        """SIGTERM: ask a task to end. SIGKILL: end it with everything it started."""

    async def close(self) -> None:
        """End everything."""
