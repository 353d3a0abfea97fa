"""The machine under all nodes: it runs commands as processes or containers."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import signal
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from azurebatch_emulator.execution import command_line, container_options, removal
from azurebatch_emulator.execution.storage import Storage
from azurebatch_emulator.execution.transfers import Transfers
from azurebatch_emulator.protocol.failures import TaskFailure
from azurebatch_emulator.protocol.models.containers import (
    ContainerHostDataPath,
    ContainerInfo,
    ContainerRegistry,
    ContainerSettings,
    ContainerWorkingDirectory,
)
from azurebatch_emulator.state.configuration import AccountConfiguration
from remotebatch.errors import ProviderError
from remotebatch.packing.kernel_archive import kernel_archive, kernel_digest
from remotebatch_execution.runners import GRACE, Runner, TaskEnd, TaskSpec, containers
from remotebatch_execution.runners.containers import ContainerRunner
from remotebatch_execution.runners.processes import ProcessRunner
from remotebatch_kernel.system.linux import LEFTOVER_MARK

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REMOVERS = 2
_TRASH = "trash"
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_CONTAINER_FAILURES = {"ImageUnavailable": "ContainerInvalidImage", "SetupFailed": "ContainerInvalidSettings"}
_log = logging.getLogger(__name__)


MOST_LOSSES = 3
"""How often what runs a command may go away before that counts as the command's fault."""


@dataclass(frozen=True)
class Command:
    """One command to run on a node."""

    label: tuple[str, str]
    """Job id and task id, as the process or container shows them."""
    command_line: str
    directory: str
    """The task's directory; its ``wd`` is the working directory."""
    node_root: str
    environment: Mapping[str, str] = field(default_factory=dict)
    container: ContainerSettings | None = None
    registries: Sequence[ContainerRegistry] = ()
    """Those that the node knows the credentials for."""
    alone: bool = False
    """It was lost before: it shares nothing any more, so that it cannot take others with it."""
    log_directory: str | None = None
    """Where stdout.txt and stderr.txt go, if not to the task's directory."""

    @property
    def wd(self) -> str:
        """The working directory."""
        return os.path.join(self.directory, "wd")

    @property
    def logs(self) -> str:
        """Where its streams are written."""
        return self.log_directory or self.directory


@dataclass(frozen=True)
class End:
    """How a command ended."""

    exit_code: int | None = None
    """As a shell reports it where a signal ended the command."""
    failure: TaskFailure | None = None
    """Why it could not be run at all."""
    lost: bool = False
    """What ran it went away."""
    container: ContainerInfo | None = None


class Attempt:
    """A command that runs, or is about to."""

    def __init__(self, runner: Runner, spec: TaskSpec) -> None:
        self._runner = runner
        self._spec = spec
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._grace: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._runner.start(self._spec, lambda: None, self._ended)

    def stop(self) -> None:
        """Ask it to end, and after a while end it with all it started."""
        if self._grace is None and not self._end.done():
            self._runner.signal(self._spec.key, signal.SIGTERM)
            self._grace = asyncio.get_running_loop().call_later(GRACE, self.kill)

    def kill(self) -> None:
        """End it at once, with all it started."""
        if not self._end.done():
            self._runner.signal(self._spec.key, signal.SIGKILL)

    async def end(self) -> End:
        """How it ended."""
        return await asyncio.shield(self._end)

    def _ended(self, end: TaskEnd) -> None:
        self._conclude(
            End(_exit_code(end), lost=end.lost)
            if end.failure is None
            else End(failure=TaskFailure("CommandLaunchFailed", Message=end.message))
        )

    def _conclude(self, end: End) -> None:
        if self._grace is not None:
            self._grace.cancel()
        if not self._end.done():
            self._end.set_result(end)


class _ContainerAttempt(Attempt):
    """A command that runs in a container, if there is an engine for it."""

    def __init__(self, runner: Runner, spec: TaskSpec) -> None:
        super().__init__(runner, spec)
        self._starting: asyncio.Task[None] | None = None
        self._started = False

    def start(self) -> None:
        self._starting = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        try:
            await asyncio.to_thread(containers.engine)
        except ProviderError as error:
            self._conclude(End(failure=_no_engine(error)))
        else:
            if not self._end.done():
                self._started = True
                super().start()

    def stop(self) -> None:
        if self._started:
            super().stop()
        else:
            self.kill()

    def kill(self) -> None:
        if self._started:
            super().kill()
        else:
            self._conclude(End(_exit_code(TaskEnd(signal=signal.SIGKILL))))

    def _ended(self, end: TaskEnd) -> None:
        if end.failure is not None:
            code = _CONTAINER_FAILURES.get(end.failure, "ContainerMiscError")
            image = {"ContainerImage": self._spec.image or ""}
            self._conclude(End(failure=TaskFailure(code, **image, Message=end.message)))
            return
        info = ContainerInfo(container_id=end.container_id, state="exited") if end.container_id else None
        self._conclude(End(_exit_code(end), lost=end.lost, container=info))


class Machine:
    """Runs commands for all nodes of the service."""

    def __init__(self, configuration: AccountConfiguration, lock_descriptor: int, storage: Storage) -> None:
        self.configuration = configuration
        self.storage = storage
        self.transfers = Transfers()
        self._removers = ThreadPoolExecutor(_REMOVERS, "removal")
        self._containers = ContainerRunner(configuration.data)
        self._keys = itertools.count(1)
        self._kernel = os.path.join(configuration.data, f"kernel-{kernel_digest()[:16]}.pyz")
        if not os.path.exists(self._kernel):
            with open(f"{self._kernel}.new", "wb") as file:
                file.write(kernel_archive())
            os.replace(file.name, self._kernel)
        self._trash = os.path.join(configuration.data, _TRASH)
        self._begin_trash()
        self._processes = ProcessRunner(lock_descriptor, self._new_scratch())

    def next_key(self) -> int:
        """A name for a run."""
        return next(self._keys)

    def attempt(self, command: Command) -> Attempt:
        """Get a command ready to start.

        :raises TaskFailure: if it cannot be started.
        """
        in_container = command.container is not None and self.configuration.runtime == "docker"
        make = self._in_container if in_container else self._in_process
        spec = TaskSpec(
            key=self.next_key(),
            label=command.label,
            directory=command.wd,
            log_directory=command.logs,
            environment=dict(command.environment),
            kernel=self._kernel,
            python=sys.executable,
            **make(command),
        )
        return _ContainerAttempt(self._containers, spec) if in_container else Attempt(self._processes, spec)

    def discard(self, directories: Iterable[str]) -> None:
        """Remove directories; others may take their places at once. What cannot be removed stays."""
        for directory in directories:
            doomed = os.path.join(self._trash, uuid.uuid4().hex)
            try:
                removal.move(directory, doomed)
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("%s stays: %s", directory, error)
                continue
            self._removers.submit(removal.remove, doomed)

    async def close(self) -> None:
        """End everything."""
        self.transfers.close()
        await self._processes.close()
        await self._containers.close()
        self._removers.shutdown(wait=False, cancel_futures=True)

    def _begin_trash(self) -> None:
        """Begin with an empty directory for it; what a service before this one left goes meanwhile."""
        data = self.configuration.data
        if os.path.lexists(self._trash):
            removal.move(self._trash, f"{self._trash}-{uuid.uuid4().hex}")
        os.mkdir(self._trash)
        for name in os.listdir(data):
            if name.startswith(f"{_TRASH}-"):
                self._removers.submit(removal.remove, os.path.join(data, name))

    def _new_scratch(self) -> str:
        """An empty directory for the runner's own files."""
        scratch = os.path.join(self.configuration.data, "scratch")
        if os.path.lexists(scratch):
            self.discard([scratch])
        os.mkdir(scratch)
        return scratch

    def _in_process(self, command: Command) -> dict[str, Any]:
        if command.container is not None and not command.command_line.strip():
            raise TaskFailure(
                "CommandLaunchFailed",
                Message="It names no program, and where tasks run as processes no image brings one",
            )
        argv = command_line.split(command.command_line)
        # the image that is ignored would have a Python: this one stands for it
        path = _PATH if command.container is None else f"{os.path.dirname(sys.executable)}:{_PATH}"
        search = command.environment.get("PATH", path)
        program = os.path.join(command.wd, argv[0]) if "/" in argv[0] else shutil.which(argv[0], path=search)
        if program is None or not os.path.exists(program):
            raise TaskFailure(
                "CommandProgramNotFound", Message=f"There is no program {argv[0]!r} on the node"
            )
        if not os.access(program, os.X_OK) or os.path.isdir(program):
            raise TaskFailure("CommandLaunchFailed", Message=f"{argv[0]!r} cannot be executed")
        return {
            "argv": [program, *argv[1:]],
            # the same for all of a node, so that all are forked by one fork server
            "job_environment": {
                "PATH": path,
                "LANG": "C.UTF-8",
                LEFTOVER_MARK: self.configuration.data,
                "AZ_BATCH_NODE_ID": command.environment["AZ_BATCH_NODE_ID"],
                **({"AZ_BATCH_TASK_ID": "/".join(command.label)} if command.alone else {}),
            },
        }

    def _in_container(self, command: Command) -> dict[str, Any]:
        settings = command.container
        assert settings is not None
        # a task reaches storage and this service at 127.0.0.1, as it would reach Azure anywhere
        options: dict[str, Any] = {"network": "host"}
        if settings.working_directory is ContainerWorkingDirectory.CONTAINER_IMAGE_DEFAULT:
            options["working_dir"] = None
        options |= container_options.parse(settings.container_run_options or "")
        options["volumes"] = dict(_mounts(command, settings))
        empty = not command.command_line.strip()
        return {
            "argv": None if empty else command_line.split(command.command_line),
            "job_environment": {},  # what the image sets counts, its PATH above all
            "image": settings.image_name,
            "container_options": options,
            "registry_auth": _credentials(settings, command.registries),
        }


def _mounts(command: Command, settings: ContainerSettings) -> Iterator[tuple[str, dict[str, str]]]:
    """What of the node a container sees, at the same paths: all of it, unless parts are named."""
    if settings.container_host_batch_bind_mounts is None:
        yield command.node_root, {"bind": command.node_root, "mode": "rw"}
        return
    for path in (command.wd, command.log_directory):
        if path is not None:
            yield path, {"bind": path, "mode": "rw"}
    for mount in settings.container_host_batch_bind_mounts:
        path = _host_path(command, mount.source)
        if path is not None:
            yield path, {"bind": path, "mode": "ro" if mount.is_read_only else "rw"}


def _host_path(command: Command, source: ContainerHostDataPath | None) -> str | None:
    if source is ContainerHostDataPath.TASK:
        return command.directory
    if source is ContainerHostDataPath.JOB_PREP:
        return command.environment.get("AZ_BATCH_JOB_PREP_DIR")
    if source is ContainerHostDataPath.VFS_MOUNTS:
        return os.path.join(command.node_root, "fsmounts")
    return os.path.join(command.node_root, source.lower()) if source is not None else None


def _credentials(
    settings: ContainerSettings, registries: Iterable[ContainerRegistry]
) -> dict[str, str] | None:
    """User name and password for a task's image: its own ones, or those of the pool for that server."""
    server = _server(settings.image_name)
    known = [
        settings.registry,
        *(one for one in registries if (one.registry_server or _DOCKER_HUB[0]) in server),
    ]
    for registry in known:
        if registry is not None and registry.username is not None:
            return {"username": registry.username, "password": registry.password or ""}
    return None


def _server(image: str) -> tuple[str, ...]:
    """Names of the registry that an image comes from."""
    first, slash, _ = image.partition("/")
    is_server = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return (first,) if is_server and first not in _DOCKER_HUB else _DOCKER_HUB


def _no_engine(error: ProviderError) -> TaskFailure:
    cause = error.__cause__
    missing = "the docker package is missing" if cause is None else f"none answers: {cause}"
    return TaskFailure(
        "ContainerPoolNotSupported",
        Message=f"Containers need a Docker Engine on this machine, and {missing}. Without one, "
        "the emulator can be started with --runtime process",
    )


def _exit_code(end: TaskEnd) -> int | None:
    """The exit code, as a shell reports it where a signal ended the command."""
    if end.lost:
        return None
    return end.exit_code if end.exit_code is not None else 128 + (end.signal or 0)
