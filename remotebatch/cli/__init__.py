"""The command line: look at jobs, their logs and results, from any process.

``remotebatch -p root=/data/jobs jobs``
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from remotebatch.cli.jobs import abort, delete, jobs, retry, status
from remotebatch.cli.logs import logs
from remotebatch.cli.providers import providers
from remotebatch.cli.result import result
from remotebatch.cli.target import Target, parse_properties
from remotebatch.errors import ProviderError, RemoteBatchError
from remotebatch.provider import plugins

__all__ = ["main"]

# as a shell reports a program that the signal ended
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Group(click.Group):
    """Turns what a command raises into one line and an exit code; finds the providers' own commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            {*super().list_commands(ctx), *(point.name for point in plugins.points(plugins.COMMANDS))}
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        point = plugins.find(plugins.COMMANDS, cmd_name)
        if point is None:
            return None
        try:
            loaded: click.Command = plugins.load(point)  # only when asked for
        except ProviderError as error:
            return _Unavailable(cmd_name, error)
        return loaded

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        try:
            value = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
            ctx.exit(_BROKEN_PIPE)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)
        except ModuleNotFoundError as error:  # by a command that imports what it needs when it runs
            point = plugins.find(plugins.COMMANDS, ctx.invoked_subcommand or "")
            if point is None:
                raise
            raise click.ClickException(str(plugins.missing(point, error))) from error
        except (RemoteBatchError, OSError) as error:
            raise click.ClickException(" ".join(str(error).split())) from error
        return value


class _Unavailable(click.Command):
    """Stands for a command that cannot be loaded, and says why."""

    def __init__(self, name: str, error: ProviderError) -> None:
        super().__init__(name, short_help=str(error), context_settings={"ignore_unknown_options": True})
        self._error = error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        raise self._error


def _discard_output() -> None:
    """Let the interpreter flush into nothing when it ends: the reader is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--provider", default="Local", show_default=True, metavar="NAME", help="Where the jobs are.")
@click.option(
    "properties",
    "-p",
    "--property",
    metavar="NAME=VALUE",
    callback=parse_properties,
    multiple=True,
    help="A property of the provider, such as root=/data/jobs; may be given several times.",
)
@click.version_option(package_name="remotebatch")
@click.pass_context
def main(ctx: click.Context, provider: str, properties: dict[str, str | int]) -> None:
    """Look at jobs at a batch provider and act on them."""
    ctx.obj = Target(provider, properties)


for command in (jobs, status, logs, result, abort, retry, delete, providers):
    main.add_command(command)
