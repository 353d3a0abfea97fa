"""Properties of a Local environment and the settings that its jobs have beyond the common ones."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from remotebatch.provider import JobRecord
from remotebatch.settings import JobSettings


class LocalProperties(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Properties of ``SubmissionEnvironment("Local", …)``."""

    root: str | None = None
    """Directory that holds the agent, its journal and all jobs; by default the user's data directory."""
    slots: Annotated[int, Meta(ge=1)] | None = None
    """Task slots, one a vCPU; by default the CPUs that this process may use."""
    gpus: Annotated[int, Meta(ge=0)] | None = None
    """GPUs to hand out; by default those of the machine."""


class LocalSettings(JobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a job on the Local provider."""

    memory_limit: Annotated[int, Meta(ge=16 * 1024 * 1024, le=2**62)] | None = None
    """Most memory a task may take, in bytes: of a process its address space, of a container all it uses."""
    network: Annotated[str, Meta(min_length=1)] | None = None
    """Docker network of the task's container, such as "host" or "none"; by default Docker's own default."""


def settings_of(job: JobRecord) -> LocalSettings:
    """The settings of a job of this provider."""
    assert isinstance(job.settings, LocalSettings)
    return job.settings
