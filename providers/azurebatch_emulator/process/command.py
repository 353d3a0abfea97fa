"""``remotebatch emulator``: start and stop a local Azure Batch service, and show how to reach it."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import click

from azurebatch_emulator.process import launch
from azurebatch_emulator.process.certificate import certificate_in
from azurebatch_emulator.process.configuration import Configuration
from azurebatch_emulator.process.directory import AlreadyRunning, DataDirectory
from azurebatch_emulator.state.configuration import ACCOUNT, KEY
from remotebatch.cli.show import json_option, moment, moment_text, write_facts, write_json
from remotebatch.errors import ProviderError
from remotebatch.validation import check

_PORT = click.IntRange(1, 65535)


def _data_directory(ctx: click.Context, param: click.Parameter, given: str | None) -> DataDirectory:
    return DataDirectory(given)


data_option = click.option(
    "directory",
    "--data",
    metavar="DIR",
    callback=_data_directory,
    help="Data directory; several emulators differ by it.  [default: one in the user's data directory]",
)


@click.group()
def emulator() -> None:
    """Run a local Azure Batch service, for any Azure Batch client."""


@emulator.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=_PORT, default=10100, show_default=True, help="Port of the Batch service.")
@click.option(
    "--storage-port",
    type=click.IntRange(1, 65533),
    help="First of Azurite's three ports.  [default: the one after --port]",
)
@click.option("--account", default=ACCOUNT, show_default=True, help="Name of the Batch account.")
@click.option("--key", default=KEY, help="The account's key in base64.  [default: a well-known one]")
@click.option(
    "--runtime",
    type=click.Choice(["docker", "process"]),
    default="docker",
    show_default=True,
    help="Run tasks with container settings in containers, or on this machine, without their image.",
)
@click.option(
    "--storage-connection-string", metavar="STRING", help="Use this storage account instead of Azurite."
)
@click.option("--pool", metavar="ID", help="Have a pool of one container node, with a slot for each CPU.")
@click.option("--https", is_flag=True, help="Serve HTTPS, and take bearer tokens; for token credentials.")
@click.option("--faults", is_flag=True, help="Let faults be ordered through the control endpoint.")
@click.option("--detach", is_flag=True, help="Run in the background.")
def start(directory: DataDirectory, storage_port: int | None, detach: bool, **options: Any) -> None:
    """Start the service, and Azurite beside it.

    Writes shell lines with which clients reach it, once it answers.
    """
    first = storage_port or options["port"] + 1
    options |= {"data": directory.path, "storage_ports": [first, first + 1, first + 2]}
    configuration = check(Configuration, options, "option")
    if not detach:
        signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C
    try:
        process = launch.start(configuration, attached=not detach)
    except AlreadyRunning as running:
        _say(f"It is running already: {running}. To change its options, stop it first.")
        _write_exports(Configuration.load(directory.path))
        return
    try:
        _write_exports(configuration)
        _describe_runtime(configuration)
        if not detach:
            _say("Ctrl-C stops it.")
            if process.wait() != 0:
                raise ProviderError(f"the emulator has failed; its log is {directory.log}")
    except KeyboardInterrupt:
        launch.end(process)


@emulator.command()
@data_option
@json_option
def stop(directory: DataDirectory, as_json: bool) -> None:
    """Stop the service, with Azurite and all tasks; what is stored is kept."""
    stopped = launch.stop(directory)
    if as_json:
        write_json({"data": directory.path, "stopped": stopped})
    elif stopped:
        print(f"Stopped the emulator of {directory.path}")
    else:
        _say_none_is_running(directory)


@emulator.command()
@data_option
@json_option
def status(directory: DataDirectory, as_json: bool) -> None:
    """Show whether the service is running, and how."""
    found = _status(directory)
    if as_json:
        write_json(found)
    elif found["running"]:
        write_facts(_facts(found))
    else:
        _say_none_is_running(directory)


@emulator.command()
@data_option
def env(directory: DataDirectory) -> None:
    """Write shell lines, for eval, with which clients reach it."""
    if directory.running() is None:
        raise ProviderError(
            f"no emulator is running for {directory.path}; start one: remotebatch emulator start"
        )
    _write_exports(Configuration.load(directory.path))


def _variables(configuration: Configuration) -> dict[str, str]:
    variables = {
        "AZURE_BATCH_ACCOUNT": configuration.account,
        "AZURE_BATCH_ACCESS_KEY": configuration.key,
        "AZURE_BATCH_ENDPOINT": configuration.endpoint,
        "AZURE_STORAGE_CONNECTION_STRING": configuration.storage,
    }
    if configuration.https:
        variables |= certificate_in(DataDirectory(configuration.data).certificate).trust_variables
    return variables


def _write_exports(configuration: Configuration) -> None:
    for name, value in _variables(configuration).items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()  # who reads them may wait for them while the service runs


def _describe_runtime(configuration: Configuration) -> None:
    if configuration.runtime == "process":
        _say("Container images are ignored: all tasks run as processes of this machine.")
    else:
        from remotebatch_execution.runners.containers import engine  # docker is slow to import

        try:
            engine()
        except ProviderError as error:
            _say(f"Tasks with container settings will fail: {error}. --runtime process runs them without.")
    if configuration.https:
        _say("Any bearer token for the Batch service's audience is taken, whatever its signature.")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _status(directory: DataDirectory) -> dict[str, Any]:
    service = directory.running()
    if service is None:
        return {"running": False, "data": directory.path}
    configuration = Configuration.load(directory.path)
    certificate = certificate_in(directory.certificate)
    return {
        "running": True,
        "data": directory.path,
        "pid": service.pid,
        "started_at": moment(service.started_at),
        "endpoint": service.endpoint,
        "account": configuration.account,
        "storage_ports": None if configuration.storage_connection_string else configuration.storage_ports,
        "runtime": configuration.runtime,
        "https": configuration.https,
        "certificate_authority": certificate.authority if configuration.https else None,
        "faults": configuration.faults,
        "log": directory.log,
    }


def _facts(found: Mapping[str, Any]) -> dict[str, str | None]:
    ports = found["storage_ports"]
    return {
        "endpoint": found["endpoint"],
        "account": found["account"],
        "storage": f"Azurite on ports {', '.join(map(str, ports))}" if ports else "a given account",
        "runtime": found["runtime"],
        "faults": "may be ordered" if found["faults"] else None,
        "certificate authority": found["certificate_authority"],
        "process": str(found["pid"]),
        "started": moment_text(found["started_at"]),
        "data": found["data"],
        "log": found["log"],
    }


def _say_none_is_running(directory: DataDirectory) -> None:
    print(f"No emulator is running for {directory.path}")


def _say(text: str) -> None:
    """To standard error: standard output is for a shell."""
    print(text, file=sys.stderr)
