"""What a runner is: the protocol of what runs tasks, and what goes in and comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from remotebatch_kernel.evaluation.task import Call

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a task that is to end."""


class TaskSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one task, ready to start."""

    key: int
    """Names this run; a later attempt of the same task gets another."""
    label: tuple[str, str]
    """Job id and task id, shown on the container."""
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
    """Modules that a fork server may import before it forks."""
    load_ahead: str = ""
    """Path of the function object if a fork server may load it before it forks."""
    code: str = ""
    """Tree of the function's code package; empty if it has none."""
    image: str | None = None
    memory_limit: int | None = None
    network: str | None = None
    container_options: dict[str, Any] = {}
    """Further arguments of Docker's ``create``: volumes, environment, labels are added, others replace."""
    registry_auth: dict[str, str] | None = None
    """User name and password for the image's registry, as Docker's ``pull`` takes them."""
    gpus: tuple[int, ...] = ()
    """Numbers of the GPUs the task may use."""


class TaskEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    exit_code: int | None = None
    signal: int | None = None
    out_of_memory: bool = False
    lost: bool = False
    """What ran the task went away; the task itself has certainly ended."""
    failure: str | None = None
    """Name of a ``FailureType``, where the runner knows more than the exit code says."""
    message: str = ""
    container_id: str | None = None


class Runner(Protocol):
    """Starts tasks and reports, from the event loop, how each one ended: exactly once."""

    can_prefetch: bool
    """Whether it takes a task before there are slots for it, to be started after another."""

    def start(
        self,
        spec: TaskSpec,
        began: Callable[[], None],
        ended: Callable[[TaskEnd], None],
        after: int | None = None,
    ) -> None:
        """Start a task.

        :param began: called when the task itself begins, all that it needs having been loaded or fetched;
            not called for a prefetched task.
        :param ended: called when it is over, with all that it started.
        :param after: for a prefetched task: key of a running task of the same job. It starts as soon as
            that one has ended.
        """

    def revoke(self, key: int, after: int, revoked: Callable[[], None]) -> None:
        """Revoke a prefetched task.

        :param key: the task.
        :param after: the task that it was to start after.
        :param revoked: called when it is certain that it will not start; not called if it has started.
        """

    def signal(self, key: int, number: int) -> None:
        """Signal a task: SIGTERM asks it to end, SIGKILL ends it with everything that it started."""

    async def close(self) -> None:
        """End all tasks and release what they used."""
