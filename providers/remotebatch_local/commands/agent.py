"""Look at the Local provider's agent, without starting one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from remotebatch.cli.show import json_option, moment, moment_text, write_facts, write_json
from remotebatch.cli.target import Target, pass_target
from remotebatch.errors import ProviderError, ProviderUnavailable
from remotebatch_local.agent.client import AgentClient
from remotebatch_local.provider import LocalProvider


@click.group()
def agent() -> None:
    """Look at the process that runs the Local provider's jobs."""


@agent.command()
@json_option
@pass_target
def status(target: Target, as_json: bool) -> None:
    """Show whether an agent is running, and how busy it is."""
    with _lost_agent_explained():
        found = _client(target).call_if_running("status")
    if as_json:
        write_json(_as_json(target, found))
    elif found is None:
        _say_none_is_running(target)
    else:
        write_facts(_facts(found))


@agent.command()
@click.option("--force", is_flag=True, help="Even if jobs are in progress; the next agent starts them again.")
@json_option
@pass_target
def stop(target: Target, force: bool, as_json: bool) -> None:
    """Have the agent end. The next call starts another."""
    with _lost_agent_explained():
        stopped = _client(target).stop(force=force)
    if as_json:
        write_json({"root": _root(target), "stopped": stopped})
    elif stopped:
        print(f"Stopped the agent for {_root(target)}")
    else:
        _say_none_is_running(target)


def _client(target: Target) -> AgentClient:
    if not isinstance(target.provider, LocalProvider):
        raise ProviderError(f"the provider {target.provider_name!r} has no agent")
    return target.provider.agent


@contextmanager
def _lost_agent_explained() -> Iterator[None]:
    """An agent may end just when it is asked."""
    try:
        yield
    except OSError as error:
        raise ProviderUnavailable(f"the agent went away: {error}") from error


def _say_none_is_running(target: Target) -> None:
    print(f"No agent is running for {_root(target)}")


def _root(target: Target) -> str:
    return str(target.provider.properties["root"])


def _as_json(target: Target, found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        return {"running": False, "root": _root(target)}
    return {"running": True, **found, "started_at": moment(found["started_at"])}


def _facts(found: dict[str, Any]) -> dict[str, str | None]:
    return {
        "root": found["root"],
        "process": str(found["pid"]),
        "version": found["version"],
        "started": moment_text(moment(found["started_at"])),
        "slots": f"{found['slots']}, {found['free_slots']} free",
        "GPUs": f"{found['gpus']}, {found['free_gpus']} free",
        "jobs": str(found["jobs"]),
        "busy": "yes" if found["busy"] else "no",
    }
