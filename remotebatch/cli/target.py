"""Where the commands look: the provider and its properties, from the options of the group."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import click

from remotebatch.environment import SubmissionEnvironment
from remotebatch.provider import Provider


def parse_properties(
    ctx: click.Context, param: click.Parameter, given: Sequence[str]
) -> dict[str, str | int]:
    """Read ``name=value`` options; a value that looks like an integer is one."""
    properties: dict[str, str | int] = {}
    for option in given:
        name, equals, text = option.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{option!r} is not of the form name=value", ctx, param)
        properties[name] = int(text) if re.fullmatch(r"-?[0-9]+", text) else text
    return properties


@dataclass(frozen=True)
class Target:
    """A provider that is reached for only by the commands that need it."""

    provider_name: str
    properties: dict[str, str | int]

    @cached_property
    def environment(self) -> SubmissionEnvironment:
        """The environment, made when it is first asked for."""
        return SubmissionEnvironment(self.provider_name, **self.properties)

    @property
    def provider(self) -> Provider:
        """The provider itself, for what job objects do not offer."""
        return self.environment._client.provider


pass_target = click.make_pass_decorator(Target)
