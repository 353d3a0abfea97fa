"""Jobs and the agent of a Local environment, with their types."""

from __future__ import annotations

from typing import Any

from remotebatch import ArrayJob, SingleJob, SubmissionEnvironment
from remotebatch_local import LocalProvider
from remotebatch_local.agent.client import AgentClient


def agent_of(env: SubmissionEnvironment) -> AgentClient:
    """The client of the environment's agent."""
    provider = env._client.provider
    assert isinstance(provider, LocalProvider)
    return provider.agent


def agent_pid(env: SubmissionEnvironment) -> int:
    """Process id of the environment's agent."""
    return int(agent_of(env).call("status")["pid"])


def single_job(env: SubmissionEnvironment, job_id: str) -> SingleJob[Any]:
    """Attach to a Single job."""
    job = env.job(job_id)
    assert isinstance(job, SingleJob)
    return job


def array_job(env: SubmissionEnvironment, job_id: str) -> ArrayJob[Any]:
    """Attach to an Array job."""
    job = env.job(job_id)
    assert isinstance(job, ArrayJob)
    return job
